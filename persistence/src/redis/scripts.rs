//! The Lua scripts. Each works on one key and by the server's clock, so that no client's clock matters.
//!
//! They are run by hash; a server that does not know one says so, and then gets it in front of the command.

use std::sync::LazyLock;

/// A script by its hash.
pub(super) struct Script {
    source: &'static str,
    hash: LazyLock<String>,
}

impl Script {
    pub(super) fn source(&self) -> &'static str {
        self.source
    }

    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $source:expr;)*) => {
        $($(#[$doc])* pub(super) static $name: Script = Script {
            source: $source,
            hash: LazyLock::new(|| redis::Script::new($source).get_hash().to_owned()),
        };)*
    };
}

scripts! {
    /// Puts a field with a life time into a hash: `(life time in ms, field, value, "take" | "keep")`. Answers the value that was there and
    /// alive, else nil. "keep" leaves another living value alone. A field that is new takes the dead ones away.
    LEASE_PUT = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HGET', KEYS[1], ARGV[2])
if held then
  local till, value = string.match(held, '^(%d+) (.*)$')
  if tonumber(till) > now then held = value else held = false end
end
if held and held ~= ARGV[3] and ARGV[4] == 'keep' then return held end
if not held then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], '^%d+')) <= now then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
redis.call('HSET', KEYS[1], ARGV[2], string.format('%.0f', now + ARGV[1]) .. ' ' .. ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return held
";
    /// Takes a field away if it has this value: `(field, value)`.
    LEASE_DROP = "
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.match(held, '^%d+ (.*)$') == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
";
    /// Adds entries to a sorted set by seq and keeps the last ones: `(life time in ms, how many, seq, bytes, seq, bytes, …)`.
    REMEMBER = "
for i = 3, #ARGV, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[i], ARGV[i])
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0
";
    /// Takes tokens: `(cost, per second, burst)`. Answers 0 when they were there, else after how many ms they will be. The bucket is stored as
    /// the time at which it is full again, so a full one is no key at all.
    TAKE = "
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local each = 1000 / ARGV[2]
local room = each * ARGV[3]
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.min(math.max(full, now), now + room) + each * ARGV[1]
local wait = full - room - now
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.max(1, math.ceil(full - now)))
return 0
";
    /// Answers `[length, last generated id, first id or "", entries ever added]` of a stream, or nil where there is none.
    STREAM_STATE = "
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local state = {}
for i = 1, #info, 2 do state[info[i]] = info[i + 1] end
local first = state['first-entry']
return {state['length'], state['last-generated-id'], first and first[1] or '', state['entries-added']}
";
    /// Reads what nobody has read yet, at most so many, and makes stream and group where they are missing: `(group, consumer, count, life time
    /// in ms of a stream that is made)`.
    STREAM_READ = "
local function read()
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
end
local found = read()
if found and found.err and string.find(found.err, '^NOGROUP') then
  local made = redis.call('EXISTS', KEYS[1]) == 0
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
  if made then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
  found = read()
end
if not found or found.err then return found end
return found[1][2]
";
    /// Claims entries: `(group, consumer, idle in ms, first id, count)`. Answers `[where to go on, entries]`; at the end, consumers that have
    /// none and were idle as long are forgotten.
    STREAM_CLAIM = "
local found = redis.pcall('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'COUNT', ARGV[5])
if found.err then
  if string.find(found.err, '^NOGROUP') then return {'0-0', {}} end
  return found
end
if found[1] == '0-0' then
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local known = {}
    for i = 1, #consumer, 2 do known[consumer[i]] = consumer[i + 1] end
    if known['name'] ~= ARGV[2] and known['pending'] == 0 and known['idle'] >= tonumber(ARGV[3]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], known['name'])
    end
  end
end
return {found[1], found[2]}
";
}
