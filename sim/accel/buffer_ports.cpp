#include "sim/accel/buffer_ports.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fluence::accel {
namespace {

constexpr Cycle kFree = -1;

// The first access that overlaps [first, last); end() where there is none.
template <class Taken>
auto overlapping(const Taken& taken, const Access& access) {
    auto next = taken.lower_bound(access.first);
    if (next != taken.begin() && std::prev(next)->second > access.first) {
        return std::prev(next);
    }
    return next != taken.end() && next->first < access.last ? next : taken.end();
}

}  // namespace

Cycle BufferPorts::blocked_until(BufferUser user, const Access& access) const {
    std::vector<const Taken*> others;
    for (std::size_t other = 0; other < taken_.size(); ++other) {
        if (other != static_cast<std::size_t>(user)) {
            others.push_back(&taken_[other]);
        }
    }
    if (ports_ >= static_cast<int>(others.size())) {  // two ports: both other users at once keep them busy
        const Taken& one = *others[0];
        for (auto it = overlapping(one, access); it != one.end() && it->first < access.last; ++it) {
            const Access both{std::max(access.first, it->first), std::min(access.last, it->second)};
            const auto second = overlapping(*others[1], both);
            if (second != others[1]->end()) {
                return std::min(it->second, second->second);
            }
        }
        return kFree;
    }
    for (const Taken* taken : others) {
        const auto it = overlapping(*taken, access);
        if (it != taken->end()) {
            return it->second;
        }
    }
    return kFree;
}

Cycle BufferPorts::delay(BufferUser user, const Access& access) const {
    Cycle delay = 0;
    while (shared_) {
        const Cycle free = blocked_until(user, {access.first + delay, access.last + delay});
        if (free == kFree) {
            break;
        }
        delay = free - access.first;
    }
    return delay;
}

void BufferPorts::take(BufferUser user, const Access& access) {
    if (!shared_) {
        return;
    }
    Taken& taken = taken_[static_cast<std::size_t>(user)];
    Access whole = access;
    for (auto it = overlapping(taken, whole); it != taken.end(); it = overlapping(taken, whole)) {
        whole = {std::min(whole.first, it->first), std::max(whole.last, it->second)};
        taken.erase(it);
    }
    taken.emplace(whole.first, whole.last);
}

}  // namespace fluence::accel
