#include "traces/vcd.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <stdexcept>

namespace fluence::traces {
namespace {

constexpr char kFirstCode = '!', kLastCode = '~';

// Identifier codes: printable characters, shortest first.
std::string code_of(std::size_t index) {
    constexpr std::size_t kCodes = kLastCode - kFirstCode + 1;
    std::string code;
    do {
        code += static_cast<char>(kFirstCode + index % kCodes);
        index /= kCodes;
    } while (index-- > 0);
    return code;
}

std::vector<std::string> split(const std::string& path) {
    std::vector<std::string> parts = {""};
    for (const char c : path) {
        if (c == '.') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

}  // namespace

VcdWriter::VcdWriter(std::ostream& stream, const std::string& title, double cycle_ps,
                     const std::vector<VcdSignal>& signals)
    : stream_(stream), cycle_ps_(cycle_ps), values_(signals.size()), known_(signals.size(), false) {
    for (const VcdSignal& signal : signals) {
        if (signal.width < 1 || signal.width > 64) {
            throw std::invalid_argument("VCD signal " + signal.path + ": width");
        }
        widths_.push_back(signal.width);
    }
    header(title, signals);
}

void VcdWriter::header(const std::string& title, const std::vector<VcdSignal>& signals) {
    std::string comment = title;
    std::replace(comment.begin(), comment.end(), '$', '_');  // $ begins a keyword
    stream_ << "$version Fluence $end\n$comment " << comment << " $end\n$timescale 1 ps $end\n";
    // Signals of a scope stand together, whatever their order is.
    std::vector<std::pair<std::vector<std::string>, std::size_t>> sorted;
    for (std::size_t i = 0; i < signals.size(); ++i) {
        sorted.emplace_back(split(signals[i].path), i);
    }
    const auto scope_of = [](const std::vector<std::string>& parts) {
        return std::vector<std::string>(parts.begin(), parts.end() - 1);
    };
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](const auto& a, const auto& b) { return scope_of(a.first) < scope_of(b.first); });
    std::vector<std::string> open;
    for (const auto& [parts, index] : sorted) {
        const std::vector<std::string> scope = scope_of(parts);
        const auto common = std::mismatch(open.begin(), open.end(), scope.begin(), scope.end()).first;
        for (auto left = open.end(); left != common; --left) {
            stream_ << "$upscope $end\n";
        }
        open.erase(common, open.end());
        for (std::size_t i = open.size(); i < scope.size(); ++i) {
            stream_ << "$scope module " << scope[i] << " $end\n";
        }
        open = scope;
        const int width = signals[index].width;
        stream_ << "$var wire " << width << " " << code_of(index) << " " << parts.back();
        if (width > 1) {
            stream_ << " [" << width - 1 << ":0]";
        }
        stream_ << " $end\n";
    }
    for (std::size_t i = 0; i < open.size(); ++i) {
        stream_ << "$upscope $end\n";
    }
    stream_ << "$enddefinitions $end\n";
}

void VcdWriter::at(std::int64_t cycle) {
    const auto time = static_cast<std::int64_t>(std::llround(static_cast<double>(cycle) * cycle_ps_));
    if (time < time_) {
        throw std::logic_error("VCD: times must ascend");
    }
    if (time > time_) {
        stream_ << "#" << time << "\n";
        if (time_ < 0) {
            stream_ << "$dumpvars\n";
            for (std::size_t i = 0; i < widths_.size(); ++i) {
                stream_ << (widths_[i] == 1 ? "x" : "bx ") << code_of(i) << "\n";
            }
            stream_ << "$end\n";
        }
        time_ = time;
    }
}

void VcdWriter::change(std::int64_t cycle, std::size_t signal, std::uint64_t value) {
    if (known_.at(signal) && values_[signal] == value) {
        return;
    }
    at(cycle);
    known_[signal] = true;
    values_[signal] = value;
    if (widths_[signal] == 1) {
        stream_ << (value & 1) << code_of(signal) << "\n";
        return;
    }
    std::string digits;
    for (int bit = widths_[signal] - 1; bit >= 0; --bit) {
        const bool set = ((value >> bit) & 1) != 0;
        if (set || !digits.empty() || bit == 0) {
            digits += set ? '1' : '0';
        }
    }
    stream_ << "b" << digits << " " << code_of(signal) << "\n";
}

void VcdWriter::finish(std::int64_t cycle) {
    at(cycle);
}

bool matches(const std::string& path, const std::string& pattern) {
    return fnmatch(pattern.c_str(), path.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace fluence::traces
