#include "apps/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <utility>

namespace fluence::apps {
namespace {

using namespace std::chrono_literals;

constexpr auto kRedrawInterval = 100ms;
constexpr auto kLineInterval = 10s;
constexpr int kBarCells = 24;
constexpr int kBarFrame = 3;  // brackets and a space

int terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string rounded(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
    return text;
}

double share(const ProgressState& state) {
    return state.total > 0 ? static_cast<double>(state.done) / static_cast<double>(state.total) : 1;
}

}  // namespace

std::string clock_text(double seconds) {
    const auto whole = static_cast<long long>(std::ceil(std::max(seconds, 0.0)));
    char text[48];
    if (whole >= 3600) {
        std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
    }
    return text;
}

std::string progress_text(const ProgressState& state, const std::string& unit) {
    std::string text = std::to_string(state.done) + " of " + std::to_string(state.total) + " " + unit + " (" +
                       std::to_string(static_cast<int>(100 * share(state))) + " %)";
    if (state.per_second > 0) {
        text +=
            ", " + rounded(state.per_second) + " " + unit + "/s, " + clock_text(state.seconds_left) + " left";
    }
    return text;
}

std::string progress_bar(const ProgressState& state, int cells) {
    const auto full = static_cast<std::size_t>(share(state) * cells);
    return "[" + std::string(full, '#') + std::string(static_cast<std::size_t>(cells) - full, '.') + "] ";
}

ProgressDisplay::ProgressDisplay(std::string unit)
    : unit_(std::move(unit)), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressDisplay::~ProgressDisplay() {
    if (drawn_ && terminal_) {
        std::cerr << "\n";
    }
}

void ProgressDisplay::count(std::int64_t done, std::int64_t total) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin_;
    const double rate = static_cast<double>(done) / elapsed.count();
    show({done, total, rate, static_cast<double>(total - done) / rate});
}

void ProgressDisplay::show(const ProgressState& state) {
    const auto now = std::chrono::steady_clock::now();
    const bool last = state.done == state.total;
    if (drawn_ && !last &&
        now - last_ < (terminal_ ? std::chrono::milliseconds(kRedrawInterval) : kLineInterval)) {
        return;
    }
    last_ = now;
    drawn_ = true;
    if (!terminal_) {
        std::cerr << progress_text(state, unit_) << std::endl;
        return;
    }
    // The bar takes what the text leaves of the line: the time left matters more.
    const std::string text = progress_text(state, unit_);
    const int room = terminal_columns() - 1;
    const int cells = std::min(kBarCells, room - static_cast<int>(text.size()) - kBarFrame);
    std::string line = (cells > 0 ? progress_bar(state, cells) : "") + text;
    line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(room, 1))));
    std::cerr << "\r" << line << "\033[K" << std::flush;
}

}  // namespace fluence::apps
