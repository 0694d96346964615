"""`lentigo model calibrate`: a policy that predict and eval take, a card for people, the same bytes again;
and what is refused.

usage: test_calibrate.py BIN SOURCE
"""
from harness import *

MODEL = pathlib.Path(sys.argv[2]) / "models" / "starter"
FILES = ("weights.safetensors", "card.json")


def bare_model(path):
    """The starter's weights and card, and no policy."""
    path.mkdir()
    for name in FILES:
        shutil.copyfile(MODEL / name, path / name)
    card = json.loads((path / "card.json").read_text())
    card["figures"] = {}
    (path / "card.json").write_text(json.dumps(card))
    return path


def calibrate(model, data, *args, check=0):
    return lentigo("model", "calibrate", "-m", model, "--data", data, "--replicates", 50, *args, check=check)


def check_policy(model, data):
    printed = json.loads(calibrate(model, data, "--with-test").stdout)
    policy = json.loads((model / "policy.json").read_text())
    assert printed == policy and policy["version"] == 2, printed
    # unusable pictures are no support
    assert 138 <= policy["support"]["malignant"] <= 171 and 131 <= policy["support"]["benign"] <= 156, policy
    for low, value, high in ((policy["temperature"]["ci"][0], policy["temperature"]["value"],
                              policy["temperature"]["ci"][1]),
                             (policy["review"]["malignant_ci"][0], policy["review"]["malignant"],
                              policy["review"]["malignant_ci"][1])):
        assert low - 1e-4 <= value <= high + 1e-4, (low, value, high)
    for at in ("0.01", "0.07"):
        e = policy["per_10000"][at]
        assert 0 <= e["missed"] <= float(at) * 10000 * 0.06 and e["urgent"] <= e["referred"], e
    return policy


def check_scores_are_warm(model, data, policy):
    """The class scores that predict prints are the network's to the power of 1/T, made to sum to 1."""
    picture = sorted((data / "images").iterdir())[0]
    warm = json.loads(lentigo("predict", picture, "-m", model, check=0).stdout)["classes"]
    plain = json.loads((model / "policy.json").read_text())
    plain["temperature"] = {"value": 1, "ci": [1, 1]}
    (model / "policy.json").write_text(json.dumps(plain))
    cold = json.loads(lentigo("predict", picture, "-m", model, check=0).stdout)["classes"]
    (model / "policy.json").write_text(json.dumps(policy))
    powers = {k: max(v, 1e-9) ** (1 / policy["temperature"]["value"]) for k, v in cold.items()}
    for k in warm:
        assert abs(warm[k] - powers[k] / sum(powers.values())) < 1e-3, (k, warm, cold)


def check_card(model):
    card = json.loads((model / "card.json").read_text())
    val, test = card["figures"]["val"], card["figures"]["test"]
    assert val["n"] == 327 and test["n"] == 12, (val["n"], test["n"])
    assert val["intervals"]["mean_jaccard"][0] <= val["mean_jaccard"] <= val["intervals"]["mean_jaccard"][1]
    assert {"MEL", "NV"} == val["per_class"].keys() and {"A", "B"} == val["per_source"].keys()
    text = (model / "card.md").read_text()
    for word in ("Intended use", "Limits", "Licence", "HAM10000", "Figures on the val split", "| MEL |",
                 "Expected of 10,000", "benign lesions", "Figures on the test split"):
        assert word in text, word


with Scratch() as tmp:
    demo(tmp / "demo", 14, seed=3)
    data = labelled_set(tmp / "set", tmp / "demo", judge=MODEL)
    labelled_set(data, tmp / "demo", "test")
    model = bare_model(tmp / "model")
    picture = next((data / "images").iterdir())
    assert "policy.json" in lentigo("predict", "-m", model, picture, check=78).stderr
    policy = check_policy(model, data)
    check_card(model)
    other = bare_model(tmp / "other")
    calibrate(other, data, "--with-test")
    for name in ("policy.json", "card.json", "card.md"):
        assert (other / name).read_bytes() == (model / name).read_bytes(), name
    check_scores_are_warm(model, data, policy)

    # refused, and nothing is written
    before = {p.name: p.read_bytes() for p in model.iterdir()}
    small = labelled_set(tmp / "small", tmp / "demo")
    told = calibrate(model, small, check=78).stderr
    assert "too few pictures" in told and "split val" in told, told
    assert "-m MODEL" in lentigo("model", "calibrate", "--data", data, check=64).stderr
    assert "-m MODEL" in lentigo("model", "calibrate", "-m", model, check=64).stderr
    assert "replicates" in calibrate(model, data, "--replicates", 0, check=64).stderr
    assert "labels.csv" in calibrate(model, tmp / "demo", check=78).stderr
    assert {p.name: p.read_bytes() for p in model.iterdir()} == before
print("test_calibrate: 1 passed, 0 failed")
