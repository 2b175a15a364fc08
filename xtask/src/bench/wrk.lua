-- Prints what wrk counted as one line of JSON; times are in microseconds.
function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local times = {}
    for place = 1, #latency do
        local time, count = latency(place)
        times[place] = string.format("[%d,%d]", time, count)
    end
    local form = '{"requests":%d,"microseconds":%d,"failed":%d,"times":[%s]}\n'
    local list = table.concat(times, ",")
    io.write(string.format(form, summary.requests, summary.duration, failed, list))
end
