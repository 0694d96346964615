/* The queue's Lua. Each script runs as one step in Redis; keys come first, so that a cluster could
 * route it. `owns` is the fence: the pending record must name this consumer and this attempt. */
#include "queue/broker_priv.h"

#define OWNS                                                      \
    "local function owns(key, group, consumer, id, attempt)\n"    \
    "  local p = redis.call('XPENDING', key, group, id, id, 1)\n" \
    "  return #p == 1 and p[1][2] == consumer\n"                  \
    "    and p[1][4] == tonumber(attempt)\n"                      \
    "end\n"

const char *const broker_script_text[SCRIPT_COUNT] = {
    /* KEYS: 3 streams, epoch, control; ARGV: group. Answers: is the epoch there, last control id, and
     * which process this is. */
    [SCRIPT_OPEN] = "for i = 1, 3 do\n"
                    "  local r = redis.pcall('XGROUP', 'CREATE', KEYS[i], ARGV[1], '0',\n"
                    "                        'MKSTREAM')\n"
                    "  if r.err and not string.find(r.err, 'BUSYGROUP', 1, true) then\n"
                    "    return r\n"
                    "  end\n"
                    "end\n"
                    "local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)\n"
                    "return {redis.call('EXISTS', KEYS[4]), last[1] and last[1][1] or '0-0',\n"
                    "        string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')}\n",

    /* KEYS: 3 streams; ARGV: group, consumer. Answers: how many were given back. */
    [SCRIPT_RECOVER] =
        "local n = 0\n"
        "for i = 1, 3 do\n"
        "  while true do\n"
        "    local p = redis.call('XPENDING', KEYS[i], ARGV[1], '-', '+', 1000, ARGV[2])\n"
        "    for _, entry in ipairs(p) do\n"
        "      redis.call('XCLAIM', KEYS[i], ARGV[1], 'given-back', 0, entry[1],\n"
        "                 'IDLE', 86400000, 'JUSTID')\n"
        "      n = n + 1\n"
        "    end\n"
        "    if #p < 1000 then break end\n"
        "  end\n"
        "end\n"
        "return n\n",

    /* KEYS: stream, queued; ARGV: upload/study/n ... Answers: how many were new. Most are there when a
     * scheduler starts on a Redis that is full: they are all asked for at once. */
    [SCRIPT_PUT] =
        "local added, known = 0, redis.call('SMISMEMBER', KEYS[2], unpack(ARGV))\n"
        "for i, id in ipairs(ARGV) do\n"
        "  if known[i] == 0 and redis.call('SADD', KEYS[2], id) == 1 then\n"
        "    local upload, study, n = string.match(id, '^([^/]*)/([^/]*)/([^/]*)$')\n"
        "    redis.call('XADD', KEYS[1], '*', 'upload', upload, 'study', study, 'n', n)\n"
        "    added = added + 1\n"
        "  end\n"
        "end\n"
        "return added\n",

    /* KEYS: stream, queued, counters, study; ARGV: job, upload, study, n, status that it had. */
    [SCRIPT_REOPEN] = "redis.call('SREM', KEYS[4], ARGV[4])\n"
                      "if redis.call('SADD', KEYS[2], ARGV[1]) == 1 then\n"
                      "  redis.call('XADD', KEYS[1], '*', 'upload', ARGV[2], 'study', ARGV[3],\n"
                      "             'n', ARGV[4])\n"
                      "  if tonumber(redis.call('HGET', KEYS[3], ARGV[5]) or '0') > 0 then\n"
                      "    redis.call('HINCRBY', KEYS[3], ARGV[5], -1)\n"
                      "  end\n"
                      "end\n"
                      "return 1\n",

    /* KEYS: 3 streams; ARGV: group, consumer, count, lease in ms, of each class the least (-1: none
     * of it). First each class gets its least, then they are served in order. Expired leases come
     * first. Answers: class, id, attempt, upload, study, n ... */
    [SCRIPT_LEASE] =
        "local out, n, want = {}, 0, tonumber(ARGV[3])\n"
        "local function take(class, entry, attempt)\n"
        "  local e, f = entry[2], {}\n"
        "  for i = 1, #e, 2 do f[e[i]] = e[i + 1] end\n"
        "  local at = 6 * n\n"
        "  out[at + 1], out[at + 2], out[at + 3] = class - 1, entry[1], attempt\n"
        "  out[at + 4], out[at + 5], out[at + 6] = f.upload or '', f.study or '', f.n or ''\n"
        "  n = n + 1\n"
        "end\n"
        "local function serve(class, max)\n"
        "  local cursor, before = '0-0', n\n"
        "  local function left() return math.min(max - (n - before), want - n) end\n"
        "  while left() > 0 do\n"
        "    local r = redis.call('XAUTOCLAIM', KEYS[class], ARGV[1], ARGV[2], ARGV[4],\n"
        "                         cursor, 'COUNT', left())\n"
        "    for _, entry in ipairs(r[2]) do\n"
        "      local p = redis.call('XPENDING', KEYS[class], ARGV[1], entry[1], entry[1], 1)\n"
        "      take(class, entry, p[1][4])\n"
        "    end\n"
        "    cursor = r[1]\n"
        "    if cursor == '0-0' then break end\n"
        "  end\n"
        "  if left() > 0 then\n"
        "    local r = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left(),\n"
        "                         'STREAMS', KEYS[class], '>')\n"
        "    if r then\n"
        "      for _, entry in ipairs(r[1][2]) do take(class, entry, 1) end\n"
        "    end\n"
        "  end\n"
        "end\n"
        "for class = 1, 3 do serve(class, tonumber(ARGV[4 + class])) end\n"
        "for class = 1, 3 do\n"
        "  if tonumber(ARGV[4 + class]) >= 0 then serve(class, want) end\n"
        "end\n"
        "return out\n",

    /* KEYS: 3 streams; ARGV: group, consumer, then class, id, attempt ... Answers: the lost ones,
     * as class, id ... JUSTID keeps the delivery count. */
    [SCRIPT_RENEW] = OWNS
    "local lost = {}\n"
    "for i = 3, #ARGV, 3 do\n"
    "  local key = KEYS[tonumber(ARGV[i]) + 1]\n"
    "  if owns(key, ARGV[1], ARGV[2], ARGV[i + 1], ARGV[i + 2]) then\n"
    "    redis.call('XCLAIM', key, ARGV[1], ARGV[2], 0, ARGV[i + 1], 'IDLE', 0, 'JUSTID')\n"
    "  else\n"
    "    lost[#lost + 1] = tonumber(ARGV[i])\n"
    "    lost[#lost + 1] = ARGV[i + 1]\n"
    "  end\n"
    "end\n"
    "return lost\n",

    /* KEYS: 3 streams, queued, counters, then sets of studies; ARGV: group, consumer, then of each
     * lease class, id, attempt, job, place of its study's set in KEYS, n, total, status, tag. Answers:
     * of each its tag and the images of the study that are left, or -1 = lost. */
    [SCRIPT_FINISH] = OWNS
    "local out, ids, jobs, sizes, counts = {}, {{}, {}, {}}, {}, {}, {}\n"
    "local seen = {}\n"
    "for i = 3, #ARGV, 9 do\n"
    "  local class, id, study = ARGV[i] + 1, ARGV[i + 1], KEYS[tonumber(ARGV[i + 4])]\n"
    "  local left = -1\n"
    "  if not seen[ARGV[i + 3]] and\n"
    "      owns(KEYS[class], ARGV[1], ARGV[2], id, ARGV[i + 2]) then\n"
    "    seen[ARGV[i + 3]] = true\n"
    "    ids[class][#ids[class] + 1] = id\n"
    "    jobs[#jobs + 1] = ARGV[i + 3]\n"
    "    local new = redis.call('SADD', study, ARGV[i + 5])\n"
    "    counts[ARGV[i + 7]] = (counts[ARGV[i + 7]] or 0) + new\n"
    "    sizes[study] = sizes[study] and sizes[study] + new or redis.call('SCARD', study)\n"
    "    left = ARGV[i + 6] - sizes[study]\n"
    "  end\n"
    "  out[#out + 1] = tonumber(ARGV[i + 8])\n"
    "  out[#out + 1] = left\n"
    "end\n"
    "for class = 1, 3 do\n"
    "  if #ids[class] > 0 then\n"
    "    redis.call('XACK', KEYS[class], ARGV[1], unpack(ids[class]))\n"
    "    redis.call('XDEL', KEYS[class], unpack(ids[class]))\n"
    "  end\n"
    "end\n"
    "if #jobs > 0 then redis.call('SREM', KEYS[4], unpack(jobs)) end\n"
    "for status, n in pairs(counts) do\n"
    "  if n > 0 then redis.call('HINCRBY', KEYS[5], status, n) end\n"
    "end\n"
    "return out\n",

    /* KEYS: stream; ARGV: group, consumer, id, attempt. A day of idleness makes any lease expired,
     * so the next lease claims it and raises the attempt. */
    [SCRIPT_RELEASE] =
        OWNS "if not owns(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]) then return -1 end\n"
             "redis.call('XCLAIM', KEYS[1], ARGV[1], 'given-back', 0, ARGV[3],\n"
             "           'IDLE', 86400000, 'JUSTID')\n"
             "return 1\n",

    /* KEYS: stream; ARGV: group, consumer, id, attempt. Answers: the new attempt, or -1 = lost. */
    [SCRIPT_AGAIN] =
        OWNS "if not owns(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]) then return -1 end\n"
             "redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3])\n"
             "local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)\n"
             "return p[1] and p[1][4] or -1\n",

    /* KEYS: stream, queued; ARGV: group, consumer, id, attempt, job. */
    [SCRIPT_DISCARD] =
        OWNS "if not owns(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]) then return -1 end\n"
             "redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])\n"
             "redis.call('XDEL', KEYS[1], ARGV[3])\n"
             "redis.call('SREM', KEYS[2], ARGV[5])\n"
             "return 1\n",

    /* KEYS: 3 streams, epoch, control; ARGV: group, last control id, words at most. Answers: is the
     * epoch there; length, leased, oldest id of each stream; ids and words of the control stream. */
    [SCRIPT_LOOK] =
        "local out = {redis.call('EXISTS', KEYS[4])}\n"
        "for i = 1, 3 do\n"
        "  local p = redis.call('XPENDING', KEYS[i], ARGV[1])\n"
        "  local first = redis.call('XRANGE', KEYS[i], '-', '+', 'COUNT', 1)\n"
        "  out[#out + 1] = redis.call('XLEN', KEYS[i])\n"
        "  out[#out + 1] = p[1]\n"
        "  out[#out + 1] = first[1] and first[1][1] or ''\n"
        "end\n"
        "local new = redis.call('XRANGE', KEYS[5], '(' .. ARGV[2], '+', 'COUNT', ARGV[3])\n"
        "for _, e in ipairs(new) do\n"
        "  out[#out + 1] = e[1]\n"
        "  out[#out + 1] = e[2][2]\n"
        "end\n"
        "return out\n",
};
