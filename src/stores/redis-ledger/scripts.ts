import { redisScript } from '../redis-connection.ts'

/**
 * Every number that leaves a script leaves as Redis wrote it: a Lua number of more than 14 digits would lose some
 * on its way to a string. A reservation is a hash: `granted`, and `record`, which the scripts do not read. What it
 * holds is also in `reserved` of every counter it is limited by, of which a script gets the keys and for each
 * `money` or `requests`.
 */
const PRELUDE = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function keep(key, seconds)
  if redis.call('TTL', key) < 0 then redis.call('EXPIRE', key, seconds) end
end
local function left(key, cap)
  local found = redis.call('HMGET', key, 'spent', 'reserved')
  return tonumber(cap) - tonumber(found[1] or 0) - tonumber(found[2] or 0)
end
local function reserve(key, unit, money, seconds)
  redis.call('HINCRBY', key, 'reserved', unit == 'money' and money or 1)
  keep(key, seconds)
end
-- Of the counters behind KEYS[after], the units begin at ARGV[first].
local function release(id, after, first, count)
  local granted = redis.call('HGET', KEYS[1], 'granted')
  if not granted then return end
  for i = 0, count - 1 do
    local amount = ARGV[first + i] == 'money' and granted or '1'
    if amount ~= '0' then redis.call('HINCRBY', KEYS[after + 1 + i], 'reserved', '-' .. amount) end
  end
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], id)
end
`

/**
 * KEYS reservation, leases, counters…; ARGV id, record, minimum, wanted, part of what is left, lease, seconds a
 * counter is kept, then of each counter unit and cap. Answers what is granted, or -1 and the place of the counter
 * that refuses; then what is spent of each counter.
 */
export const OPEN = redisScript(`${PRELUDE}
local spent = {}
for i = 3, #KEYS do spent[i - 2] = redis.call('HGET', KEYS[i], 'spent') or '0' end
local found = redis.call('HGET', KEYS[1], 'granted')
if found then return {found, 0, spent} end
local minimum, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local granted = wanted
for i = 3, #KEYS do
  local unit, cap = ARGV[2 + 2 * i], ARGV[3 + 2 * i]
  local rest = left(KEYS[i], cap)
  local need = 1
  if unit == 'money' then need = math.max(minimum, wanted > 0 and 1 or 0) end
  if need ~= 0 and not (rest >= need) then return {'-1', i - 3, spent} end
  if unit == 'money' then granted = math.min(granted, math.floor(rest * tonumber(ARGV[5]))) end
end
granted = string.format('%.0f', math.max(minimum, granted))
for i = 3, #KEYS do reserve(KEYS[i], ARGV[2 + 2 * i], granted, ARGV[7]) end
redis.call('HSET', KEYS[1], 'granted', granted, 'record', ARGV[2])
redis.call('ZADD', KEYS[2], now() + ARGV[6], ARGV[1])
return {granted, 0, spent}`)

/**
 * Renews a reservation and grants more as far as it is left. What its holder was granted elsewhere is reserved,
 * all of it when the reservation is gone; but for a request that its holder has settled. KEYS reservation, leases, entries of its day, counters…; ARGV id, record, what
 * its holder was granted before, wanted, lease, seconds, then of each counter unit and cap.
 */
export const HOLD = redisScript(`${PRELUDE}
local found = redis.call('HGET', KEYS[1], 'granted')
if not found then
  local entry = redis.call('HGET', KEYS[3], ARGV[1])
  if entry and cjson.decode(entry)[13] ~= 'lost' then return '0' end
end
if found ~= ARGV[3] then
  local missing = string.format('%.0f', ARGV[3] - (found or 0))
  for i = 4, #KEYS do
    if ARGV[2 * i - 1] == 'money' or not found then reserve(KEYS[i], ARGV[2 * i - 1], missing, ARGV[6]) end
  end
  redis.call('HSET', KEYS[1], 'granted', ARGV[3])
end
redis.call('HSET', KEYS[1], 'record', ARGV[2])
redis.call('ZADD', KEYS[2], now() + ARGV[5], ARGV[1])
local more = tonumber(ARGV[4])
for i = 4, #KEYS do
  if ARGV[2 * i - 1] == 'money' then more = math.min(more, left(KEYS[i], ARGV[2 * i])) end
end
more = string.format('%.0f', math.max(more, 0))
if more == '0' then return more end
redis.call('HINCRBY', KEYS[1], 'granted', more)
for i = 4, #KEYS do
  if ARGV[2 * i - 1] == 'money' then redis.call('HINCRBY', KEYS[i], 'reserved', more) end
end
return more`)

/**
 * Puts an entry where the one that is expected stands, and adds what follows from it. KEYS reservation, leases,
 * entries of the day, its client's sums of the day, clients of the day, counters of the reservation…, counters that
 * are charged…; ARGV id, entry that is expected, entry, how many counters the reservation has, unit of each, amount
 * of each that is charged, client, line of the sums, its six sums, lines at most, seconds that entries, sums and
 * counters are kept. Answers the entry that stands there instead, or nothing.
 */
export const ENTER = redisScript(`${PRELUDE}
local id, limits = ARGV[1], tonumber(ARGV[4])
local charges = #KEYS - 5 - limits
local rest = 5 + limits + charges
release(id, 5, 5, limits)
local found = redis.call('HGET', KEYS[3], id) or ''
if found ~= ARGV[2] then return found end
redis.call('HSET', KEYS[3], id, ARGV[3])
keep(KEYS[3], ARGV[rest + 9])
for i = 1, charges do
  redis.call('HINCRBY', KEYS[5 + limits + i], 'spent', ARGV[4 + limits + i])
  keep(KEYS[5 + limits + i], ARGV[rest + 11])
end
local line = ARGV[rest + 1]
if line == '' then return '' end
if redis.call('HEXISTS', KEYS[4], 'r' .. line) == 0 and redis.call('HLEN', KEYS[4]) >= 6 * ARGV[rest + 8] then
  line = cjson.decode(line)
  line[1] = '(other)'
  line = cjson.encode(line)
end
for i, letter in ipairs({'r', 'i', 'c', 'o', 'm', 'e'}) do
  redis.call('HINCRBY', KEYS[4], letter .. line, ARGV[rest + 1 + i])
end
redis.call('SADD', KEYS[5], ARGV[rest])
for i = 4, 5 do keep(KEYS[i], ARGV[rest + 10]) end
return ''`)

/** Gives a reservation back, for a call that was never made. KEYS as for `OPEN`; ARGV id, unit of each counter. */
export const RELEASE = redisScript(`${PRELUDE}
release(ARGV[1], 2, 2, #KEYS - 2)`)

/** KEYS leases; ARGV lease of the claim, how many at most. Answers ids whose lease has run out. */
export const CLAIM = redisScript(`${PRELUDE}
local at = now()
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], at + ARGV[1], id) end
return ids`)
