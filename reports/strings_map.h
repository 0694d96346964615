/* strings_map.h -- every text of the reports, once, in English and Chinese; only strings.[ch] read
 * it. {1}, {2} ... stand for values (strings.h).
 *
 * Wording: a result is never "healthy" or "negative"; "the program" did it, not "AI"; a sentence
 * of advice says who does what. */
#ifndef REPORTS_STRINGS_MAP_H
#define REPORTS_STRINGS_MAP_H

/* clang-format off */
#define STRINGS_MAP(X) \
    X(LANG, "en", "zh-CN") \
    X(SEMICOLON, "; ", "；") \
    X(COLON, ": ", "：") \
    X(COMMA, ", ", "、") \
    X(NONE, "–", "–") \
    /* the page's frame */ \
    X(TITLE, "Dermoscopy screening report", "皮肤镜筛查报告") \
    X(DRAFT, "Draft until signed by a doctor", "草稿：医生签字后方为有效") \
    X(PATIENT_ID, "Patient", "患者编号") \
    X(NAME, "Name", "姓名") \
    X(BIRTH_DATE, "Born", "出生日期") \
    X(SEX, "Sex", "性别") \
    X(STUDY, "Study", "检查编号") \
    X(SITE, "Site", "送检机构") \
    X(ACCEPTED, "Accepted", "接收时间") \
    X(PAGE, "page {1} of {2}", "第 {1} 页，共 {2} 页") \
    X(MODEL_LINE, "Model {1} {2} · {3} px · {4} · {5} · sha256 {6}", \
      "模型 {1} {2} · {3} 像素 · {4} · {5} · sha256 {6}") \
    X(MODEL_NONE, "No picture of this study was assessed by a model", "本次检查没有图像经模型评估") \
    /* the result */ \
    X(RESULT, "Result", "结果") \
    X(RISK_URGENT, "Urgent", "紧急") \
    X(RISK_REVIEW, "Review", "需医生复核") \
    X(RISK_RETAKE, "New picture needed", "需重新拍摄") \
    X(RISK_ROUTINE, "Routine", "常规") \
    X(ADVICE_URGENT, \
      "A doctor should examine this lesion without delay and decide on excision, biopsy or referral.", \
      "医生应尽快检查该皮损，并决定切除、活检或转诊。") \
    X(ADVICE_REVIEW, \
      "A doctor should look at this lesion before the patient is told a result.", \
      "在告知患者结果之前，应由医生查看该皮损。") \
    X(ADVICE_RETAKE, \
      "Take a new picture: this one allows no assessment. If that is not possible, a doctor examines the skin.", \
      "请重新拍摄：该图像无法评估。如不能重拍，应由医生检查皮肤。") \
    X(ADVICE_ROUTINE, \
      "Nothing in the picture asks for an earlier look. This does not rule out cancer: assess at the usual pace, and again if the lesion changes.", \
      "图像中没有需要提前查看的迹象。但不能排除癌症：按常规安排评估，皮损有变化时再次就诊。") \
    X(ADVICE_ALSO_RETAKE, "{1} of {2} pictures could not be assessed: to be taken again.", \
      "{2} 张图像中有 {1} 张无法评估：请重新拍摄。") \
    X(WHY, "Why", "理由") \
    X(WHY_MALIGNANT_HIGH, "the malignant score is above the threshold for urgent", "恶性评分高于“紧急”阈值") \
    X(WHY_MELANOMA_HIGH, "the melanoma score is above the threshold for urgent", "黑色素瘤评分高于“紧急”阈值") \
    X(WHY_MALIGNANT_RAISED, "the malignant score is above the threshold for review", "恶性评分高于“复核”阈值") \
    X(WHY_BCC, "the picture resembles a basal-cell carcinoma", "图像类似基底细胞癌") \
    X(WHY_NO_LESION, "no lesion was found in the picture", "图像中未找到皮损") \
    X(WHY_CUT_OFF, "the lesion is cut off by the edge of the picture", "皮损超出图像边缘") \
    X(WHY_SEVERAL, "more than one lesion is in the picture", "图像中不止一处皮损") \
    X(WHY_FLAT_SCORES, "the scores do not favour one kind of lesion", "各类评分接近，无法区分") \
    X(WHY_QUALITY, "the picture's quality is reduced", "图像质量下降") \
    X(WHY_DUPLICATE, "the same picture is filed under another patient too", "同一图像也归在另一位患者名下") \
    X(WHY_UNUSABLE, "the picture's quality allows no assessment", "图像质量无法评估") \
    X(WHY_BELOW, "the malignant score is below both thresholds and nothing raises doubt", "恶性评分低于两个阈值，且无其他疑点") \
    X(WHY_SET_ASIDE, "the file could not be assessed", "该文件无法评估") \
    X(WHY_CANCELLED, "the work on it was cancelled by an operator", "操作员已取消对其处理") \
    X(WHY_OTHER, "other ({1})", "其他（{1}）") \
    /* the list of lesions */ \
    X(LESION_N_OF, "Lesion {1} of {2}", "皮损 {1} / {2}") \
    X(LESION, "Lesion", "皮损") \
    X(ALL_PICTURES, "All pictures of this study, worst lesion first", "本次检查的全部图像（最重者在前）") \
    X(FILE, "File", "文件") \
    X(BODY_SITE, "Body site", "部位") \
    X(MALIGNANT_SHORT, "Malignant", "恶性") \
    X(MORE_PICTURES, "{1} more pictures are listed in report.html and report.json.", \
      "另有 {1} 张图像，见 report.html 和 report.json。") \
    X(DETAILS_OF_WORST, "The {1} worst of {2} pictures follow in full.", "以下详列最重的 {1} 张（共 {2} 张）。") \
    X(PICTURE_PLAIN, "Picture as sent", "原图") \
    X(PICTURE_OUTLINE, "With the outline the program found", "程序勾画的轮廓") \
    X(PICTURE_WITHHELD, "Not usable: no outline is shown", "不可用，不显示轮廓") \
    X(PICTURE_NO_OUTLINE, "No lesion was found: no outline", "未找到皮损，无轮廓") \
    X(PICTURE_NONE, "No picture to show", "无可显示的图像") \
    X(ALT_PLAIN, "dermoscopy picture {1}", "皮肤镜图像 {1}") \
    X(ALT_OUTLINE, "the same picture with the outline of the lesion", "同一图像及皮损轮廓") \
    /* scores */ \
    X(SCORES, "Scores of the network", "网络评分") \
    X(SCORES_SUM, "share of each kind; the seven add up to 100\u00a0%", "各类占比，七类合计 100\u00a0%") \
    X(MALIGNANT, "Malignant (MEL + BCC + AKIEC)", "恶性（MEL + BCC + AKIEC）") \
    X(CLASS_MEL, "Melanoma (MEL)", "黑色素瘤 (MEL)") \
    X(CLASS_NV, "Naevus (NV)", "色素痣 (NV)") \
    X(CLASS_BCC, "Basal-cell carcinoma (BCC)", "基底细胞癌 (BCC)") \
    X(CLASS_AKIEC, "Actinic keratosis, Bowen (AKIEC)", "光化性角化、鲍恩病 (AKIEC)") \
    X(CLASS_BKL, "Benign keratosis (BKL)", "良性角化病 (BKL)") \
    X(CLASS_DF, "Dermatofibroma (DF)", "皮肤纤维瘤 (DF)") \
    X(CLASS_VASC, "Vascular lesion (VASC)", "血管性皮损 (VASC)") \
    X(CLASS_MARK, "● malignant class", "● 恶性类别") \
    X(CONFIDENCE, "Certainty within the outline: {1} of 1.", "轮廓内的确定度：{1}（满分 1）。") \
    X(SCORES_WHOLE, "Scores of the whole picture, because no lesion was found.", "未找到皮损，评分取自整张图像。") \
    X(THRESHOLDS, "Marked: review from {1}, urgent from {2}. Melanoma alone is urgent from {3}.", \
      "标线：复核 ≥ {1}，紧急 ≥ {2}。单看黑色素瘤：≥ {3} 为紧急。") \
    X(THRESHOLDS_NONE, "The thresholds of this model are not at hand; none is marked.", "未取得该模型的阈值，故未标出。") \
    X(PPV_URGENT, "Of 100 pictures called urgent by their scores, about {1} show cancer where 1\u00a0% of those examined have it, about {2} where 7\u00a0% have it.", \
      "按评分判为“紧急”的每 100 张图像中，患病率 1\u00a0% 时约 {1} 张为癌，7\u00a0% 时约 {2} 张。") \
    X(PPV_FLAGGED, "Of 100 pictures called urgent or review by their scores, about {1} show cancer where 1\u00a0% of those examined have it, about {2} where 7\u00a0% have it.", \
      "按评分判为“紧急”或“复核”的每 100 张图像中，患病率 1\u00a0% 时约 {1} 张为癌，7\u00a0% 时约 {2} 张。") \
    /* ABCD */ \
    X(ABCD, "ABCD rule (supporting measurement)", "ABCD 法则（辅助测量）") \
    X(ABCD_A, "A  asymmetry", "A  不对称") \
    X(ABCD_B, "B  border, sharp segments", "B  边界锐利段数") \
    X(ABCD_C, "C  colours", "C  颜色数") \
    X(ABCD_D, "D  structures", "D  结构") \
    X(ABCD_OF, "{1} of {2}", "{1} / {2}") \
    X(ABCD_D_OPEN, "not assessed: count and tick", "未评估：请计数并勾选") \
    X(ABCD_TDS, "TDS×10 = 13A + B + 5C + 5D", "TDS×10 = 13A + B + 5C + 5D") \
    X(ABCD_TDS_AT, "with D = {1}", "D = {1} 时") \
    X(ABCD_BANDS, "≤\u00a047 benign, 48–54 suspicious, ≥\u00a055 suggests melanoma", "≤\u00a047 良性，48–54 可疑，≥\u00a055 提示黑色素瘤") \
    X(ABCD_FIELD, \
      "Accuracy of the rule in practice: sensitivity 83\u00a0%, specificity 45\u00a0% (309 lesions scored at the bedside, Ahnlide 2016). It never decides the result. For melanocytic lesions only.", \
      "该法则的临床准确度：敏感度 83\u00a0%，特异度 45\u00a0%（床旁评分 309 例，Ahnlide 2016）。不单独决定结果，仅适用于黑素细胞性皮损。") \
    X(ABCD_OURS, "A, B and C as measured here: area under the ROC curve {1} for malignant against benign (0.5 = chance).", \
      "本程序测得的 A、B、C 区分良恶性的 ROC 曲线下面积为 {1}（0.5 等于随机）。") \
    X(COLOUR_WHITE, "white", "白") \
    X(COLOUR_RED, "red", "红") \
    X(COLOUR_LIGHT_BROWN, "light brown", "浅褐") \
    X(COLOUR_DARK_BROWN, "dark brown", "深褐") \
    X(COLOUR_BLUE_GREY, "blue-grey", "蓝灰") \
    X(COLOUR_BLACK, "black", "黑") \
    X(ABCD_NONE, "Not measured: no lesion was found.", "未找到皮损，未测量。") \
    X(AREA, "Area", "面积") \
    X(AREA_MM2, "{1} mm² ({2}\u00a0% of the picture)", "{1} mm²（占图像 {2}\u00a0%）") \
    X(AREA_PART, "{1}\u00a0% of the picture; no scale given, so not in mm²", "占图像 {1}\u00a0%；未给出比例尺，无法换算为 mm²") \
    /* quality */ \
    X(QUALITY, "Picture quality", "图像质量") \
    X(QUALITY_OK, "Good. It does not limit the result.", "良好，不影响结果。") \
    X(QUALITY_DEGRADED, "Reduced: {1}. Outline and scores may be off; the result is therefore at least Review.", \
      "下降：{1}。轮廓和评分可能有偏差，因此结果至少为“需医生复核”。") \
    X(QUALITY_UNUSABLE, "Not usable: {1}. No outline and no scores are shown.", \
      "不可用：{1}。不显示轮廓和评分。") \
    X(QUALITY_BLUR, "out of focus", "失焦") \
    X(QUALITY_DARK, "too dark", "过暗") \
    X(QUALITY_BRIGHT, "too bright", "过亮") \
    X(QUALITY_HAIR, "covered by hair", "毛发遮挡") \
    X(QUALITY_CUT_OFF, "lesion cut off", "皮损不完整") \
    X(QUALITY_VIGNETTE, "large dark corners", "四角大面积暗影") \
    X(QUALITY_NOT_DERMOSCOPY, "does not look like a dermoscopy picture", "不像皮肤镜图像") \
    X(QUALITY_SMALL, "too few pixels", "像素太少") \
    X(QUALITY_FILE_DAMAGE, "small damage in the file", "文件有轻微损坏") \
    X(QUALITY_OTHER, "see the figures", "见数值") \
    X(QUALITY_FIGURES, "sharpness {1} · brightness L* {2} · hair {3}\u00a0% · dark corners {4}\u00a0%", \
      "清晰度 {1} · 亮度 L* {2} · 毛发 {3}\u00a0% · 暗角 {4}\u00a0%") \
    X(WARN_DUPLICATE, "Check the patient: the same file was handed in under another patient too.", \
      "请核对患者：同一文件也以另一位患者名义送交。") \
    X(WARN_TWICE, "The same file stands more than once in this study.", "同一文件在本次检查中出现不止一次。") \
    /* what came with the picture */ \
    X(GIVEN, "Given with the picture", "随图像提供的信息") \
    X(LESION_ID, "Lesion id", "皮损编号") \
    X(ACQUIRED_AT, "Taken", "拍摄时间") \
    X(MM_PER_PX, "mm per pixel", "每像素毫米") \
    X(NOTES, "Notes", "备注") \
    X(PIXELS, "Pixels", "像素") \
    /* decision */ \
    X(DECISION, "Decision of the doctor", "医生决定") \
    X(DECIDE_NONE, "no further step", "无需进一步处理") \
    X(DECIDE_FOLLOW, "picture again in ___ months", "____ 个月后复拍") \
    X(DECIDE_EXCISE, "excision / biopsy", "切除/活检") \
    X(DECIDE_REFER, "refer to ____________", "转诊至 ____________") \
    X(DECIDE_RETAKE, "new picture", "重新拍摄") \
    X(DECIDE_D, "structures D:", "结构 D：") \
    X(AGREE, "I agree with the result", "同意本结果") \
    X(DISAGREE, "I do not agree, because", "不同意，理由") \
    X(SIGNATURE, "Name and signature", "姓名及签字") \
    X(DATE, "Date", "日期") \
    /* limits */ \
    X(ABOUT, "Use and limits", "用途与局限") \
    X(INTENDED, \
      "Intended use: to help doctors decide which of many dermoscopy pictures to look at first. It is no diagnosis, does not replace examining the patient, and is not approved as a medical device.", \
      "用途：帮助医生决定在大量皮肤镜图像中先看哪些。本报告不是诊断，不能代替对患者的检查，也未获批为医疗器械。") \
    X(LIMITS, \
      "Limits: the network knows seven kinds of lesion; others (such as amelanotic melanoma, squamous-cell carcinoma, nail and mucosal lesions) may get a wrong score. Dark skin is rare in its training pictures. A low score does not rule out cancer.", \
      "局限：网络只认识七类皮损，其他皮损（如无色素性黑色素瘤、鳞状细胞癌、甲及黏膜皮损）评分可能有误；训练图像中深色皮肤很少。评分低不能排除癌症。") \
    X(NOT_ASSESSED, \
      "Not assessed: structures (D), change over time, symptoms, the patient's history, skin outside the picture.", \
      "未评估：结构 (D)、随时间的变化、症状、病史、图像以外的皮肤。") \
    X(POLICY_URGENT, "Urgent: malignant score from {1}; this leaves {2} (95\u00a0% CI {3}–{4}) of the benign validation pictures not urgent.", \
      "紧急：恶性评分 ≥ {1}，验证集良性图像中 {2}（95\u00a0% 置信区间 {3}–{4}）不判为紧急。") \
    X(POLICY_REVIEW, "Review: from {1}, which finds {2} (95\u00a0% CI {3}–{4}) of the malignant validation pictures; or any doubt.", \
      "复核：≥ {1}，可检出验证集恶性图像的 {2}（95\u00a0% 置信区间 {3}–{4}）；或存在任何疑点。") \
    X(POLICY_SHARES, "Validation pictures in each class: urgent {1}\u00a0%, review {2}\u00a0%, routine {3}\u00a0%, new picture {4}\u00a0%.", \
      "验证集各类占比：紧急 {1}\u00a0%，复核 {2}\u00a0%，常规 {3}\u00a0%，重拍 {4}\u00a0%。") \
    /* summary of a run */ \
    X(SUM_TITLE, "Screening summary", "筛查汇总") \
    X(SUM_RECEIVED, "received", "收到") \
    X(SUM_DONE, "assessed", "已评估") \
    X(SUM_SET_ASIDE, "set aside", "搁置") \
    X(SUM_CANCELLED, "cancelled", "已取消") \
    X(SUM_COUNTS, "{1} pictures received = {2} assessed + {3} set aside + {4} cancelled", \
      "收到 {1} 张图像 = 已评估 {2} + 搁置 {3} + 已取消 {4}") \
    X(SUM_PATIENTS, "{1} patients, {2} reports", "{1} 位患者，{2} 份报告") \
    X(SUM_SPEED, "{1} s, {2} pictures/s", "用时 {1} 秒，每秒 {2} 张") \
    X(SUM_UNFINISHED, "{1} pictures are not finished. Run the same command again.", \
      "有 {1} 张图像尚未完成。请再次运行同一命令。") \
    X(SUM_PICTURES, "Pictures", "图像") \
    X(SUM_PATIENT, "Patient", "患者") \
    X(SUM_ACTION, "What to do", "处理") \
    X(SUM_REPORT, "Report", "报告") \
    X(SUM_RISK_COUNT, "{1} ({2})", "{1}({2})") \
    X(SUM_ASIDE_TITLE, "Files set aside ({1})", "搁置的文件（{1}）") \
    X(SUM_ASIDE_REASON, "Reason and what to do", "原因与处理") \
    X(SUM_NOT_PICTURES, "Other files of the upload ({1})", "上传中的其他文件（{1}）") \
    X(SUM_NO_ROWS, "none", "无") \
    X(ACTION_URGENT, "Doctor examines without delay", "医生尽快检查") \
    X(ACTION_REVIEW, "Doctor looks before the patient is told", "告知患者前由医生查看") \
    X(ACTION_RETAKE, "Take a new picture", "重新拍摄") \
    X(ACTION_ROUTINE, "Usual pace; again if it changes", "按常规；有变化再来") \
    X(ACTION_ALSO_RETAKE, "; pictures to take again: {1}", "；{1} 张需重拍")
/* clang-format on */

#endif
