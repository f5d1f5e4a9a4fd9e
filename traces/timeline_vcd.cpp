#include "traces/timeline_vcd.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <tuple>

#include "traces/vcd.h"

namespace fluence::traces {
namespace {

constexpr int kIndexBits = 32;

struct Event {
    Cycle cycle = 0;
    std::uint64_t value = 0;
};

struct Signal {
    std::string path;
    int width = 1;
    std::vector<Event> events;
};

struct Interval {
    Cycle begin = 0, end = 0;
};

class Signals {
  public:
    Signals(const Timeline& timeline, const TraceContext& context) : timeline_(timeline), context_(context) {}

    std::vector<Signal> make() {
        layers();
        array();
        vector_unit();
        dma();
        stalls();
        for (const Memory memory : {Memory::weight_buffer, Memory::activation_buffer}) {
            halves(memory);
        }
        output_halves();
        return std::move(signals_);
    }

  private:
    void index(const std::string& path, std::vector<Event> events) {
        std::stable_sort(events.begin(), events.end(),
                         [](const Event& a, const Event& b) { return a.cycle < b.cycle; });
        events.insert(events.begin(), {0, 0});
        signals_.push_back({path, kIndexBits, std::move(events)});
    }

    // 1 while any of the intervals lasts.
    void busy(const std::string& path, const std::vector<Interval>& intervals) {
        std::map<Cycle, std::int64_t> steps = {{0, 0}};
        for (const Interval& interval : intervals) {
            if (interval.begin < interval.end) {
                ++steps[interval.begin];
                --steps[interval.end];
            }
        }
        Signal signal = {path, 1, {}};
        std::int64_t count = 0;
        for (const auto& [cycle, step] : steps) {
            count += step;
            signal.events.push_back({cycle, count > 0 ? std::uint64_t{1} : 0});
        }
        signals_.push_back(std::move(signal));
    }

    void layers() {
        std::vector<Event> events;
        for (std::size_t i = 0; i < timeline_.layers.size(); ++i) {
            events.push_back({timeline_.layers[i].begin, i});
        }
        index("layer", std::move(events));
    }

    void array() {
        std::vector<Event> folds;
        std::vector<Interval> streams, preloads;
        for (std::size_t i = 0; i < timeline_.folds.size(); ++i) {
            const Fold& fold = timeline_.folds[i];
            folds.push_back({fold.stream, i});
            streams.push_back({fold.stream, fold.end});
            preloads.push_back({fold.preload, fold.stream});
        }
        index("array.fold", std::move(folds));
        busy("array.busy", streams);
        busy("array.preloading", preloads);
    }

    void vector_unit() {
        std::vector<Event> passes;
        std::vector<Interval> times;
        for (std::size_t i = 0; i < timeline_.passes.size(); ++i) {
            passes.push_back({timeline_.passes[i].begin, i});
            times.push_back({timeline_.passes[i].begin, timeline_.passes[i].end});
        }
        index("vector_unit.pass", std::move(passes));
        busy("vector_unit.busy", times);
    }

    void dma() {
        std::vector<Event> loads, stores;
        std::vector<Interval> reads, writes;
        for (std::size_t i = 0; i < timeline_.loads.size(); ++i) {
            const Load& load = timeline_.loads[i];
            if (!load.kept) {
                loads.push_back({load.begin, i});
                reads.push_back({load.begin, load.read_cycle(load.words() - 1) + 1});
            }
        }
        for (std::size_t i = 0; i < timeline_.stores.size(); ++i) {
            const Store& store = timeline_.stores[i];
            if (!store.to_buffer) {
                stores.push_back({store.begin, i});
                writes.push_back({store.begin, store.done() - store.latency});
            }
        }
        index("dma.load", std::move(loads));
        busy("dma.read_busy", reads);
        index("dma.store", std::move(stores));
        busy("dma.write_busy", writes);
    }

    void stalls() {
        std::vector<std::vector<Interval>> by_cause(kStallCauseCount);
        for (const Stall& stall : timeline_.stalls) {
            by_cause[static_cast<std::size_t>(stall.cause)].push_back({stall.begin, stall.end});
        }
        for (int cause = 0; cause < kStallCauseCount; ++cause) {
            busy(std::string("stall.") + name_of(static_cast<StallCause>(cause)),
                 by_cause[static_cast<std::size_t>(cause)]);
        }
    }

    void halves(Memory memory) {
        const std::int64_t half_words = std::max<std::int64_t>(context_.half_words[index_of(memory)], 1);
        for (std::int64_t half = 0; half < 2; ++half) {
            std::vector<Event> words;
            std::vector<Interval> filling;
            for (const Load& load : timeline_.loads) {
                const bool here = !load.to_vector_unit && load.buffer == memory && !load.segments.empty() &&
                                  load.segments[0].buffer_word / half_words == half;
                if (here) {
                    words.push_back({load.done(), static_cast<std::uint64_t>(load.words())});
                    filling.push_back({load.write_cycle(0), load.done()});
                }
            }
            const std::string scope =
                std::string(fluence::name_of(memory)) + ".half" + std::to_string(half) + ".";
            busy(scope + "filling", filling);
            index(scope + "words", std::move(words));
        }
    }

    void output_halves() {
        const std::int64_t half =
            std::max<std::int64_t>(context_.half_words[index_of(Memory::output_buffer)], 1);
        // From the block's first fold's stream to the pass's last read.
        std::map<std::tuple<LayerId, std::int32_t, std::int32_t, std::int64_t>, Cycle> begins;
        for (const Fold& fold : timeline_.folds) {
            if (fold.k_fold == 0) {
                begins[{fold.layer, fold.group, fold.n_fold, fold.first_pixel}] = fold.stream;
            }
        }
        std::vector<std::vector<Interval>> occupied(2);
        for (const VectorPass& pass : timeline_.passes) {
            const auto begin = begins.find({pass.layer, pass.group, pass.n_fold, pass.first_pixel});
            if (begin != begins.end()) {
                const Cycle last = pass.read_cycle(std::max<std::int64_t>(pass.elements, 1) - 1);
                occupied[pass.accumulator >= half ? 1 : 0].push_back({begin->second, last + 1});
            }
        }
        for (std::size_t i = 0; i < occupied.size(); ++i) {
            busy("output_buffer.half" + std::to_string(i) + ".occupied", occupied[i]);
        }
    }

    const Timeline& timeline_;
    const TraceContext& context_;
    std::vector<Signal> signals_;
};

}  // namespace

struct TimelineVcd::Impl {
    struct Change {
        Cycle cycle = 0;
        std::size_t signal = 0;
        std::uint64_t value = 0;
    };

    const TraceContext context;
    const Cycle cycles;
    std::vector<VcdSignal> declared;
    std::size_t first_other = 0;
    std::vector<Change> changes;  // of the timeline, by cycle
    std::size_t next = 0;         // the first change that is not written yet
    std::unique_ptr<VcdWriter> writer;

    Impl(const Timeline& timeline, TraceContext context_in)
        : context(std::move(context_in)), cycles(timeline.cycles) {}

    // Timeline changes up to and including a cycle; of several in one cycle the last one counts.
    void advance(Cycle cycle) {
        for (; next < changes.size() && changes[next].cycle <= cycle; ++next) {
            const bool replaced = next + 1 < changes.size() &&
                                  changes[next + 1].cycle == changes[next].cycle &&
                                  changes[next + 1].signal == changes[next].signal;
            if (!replaced) {
                writer->change(changes[next].cycle, changes[next].signal, changes[next].value);
            }
        }
    }
};

TimelineVcd::TimelineVcd(const Timeline& timeline, const TraceContext& context, const std::string& pattern,
                         std::vector<VcdSignal> others)
    : impl_(std::make_unique<Impl>(timeline, context)) {
    for (const Signal& signal : Signals(timeline, context).make()) {
        if (matches(signal.path, pattern)) {
            for (const Event& event : signal.events) {
                impl_->changes.push_back({event.cycle, impl_->declared.size(), event.value});
            }
            impl_->declared.push_back({signal.path, signal.width});
        }
    }
    std::stable_sort(impl_->changes.begin(), impl_->changes.end(),
                     [](const auto& a, const auto& b) { return a.cycle < b.cycle; });
    impl_->first_other = impl_->declared.size();
    for (VcdSignal& other : others) {
        impl_->declared.push_back(std::move(other));
    }
}

TimelineVcd::~TimelineVcd() = default;

std::size_t TimelineVcd::signals() const {
    return impl_->declared.size();
}

void TimelineVcd::begin(std::ostream& stream) {
    impl_->writer = std::make_unique<VcdWriter>(stream, impl_->context.title, 1e6 / impl_->context.clock_mhz,
                                                impl_->declared);
    impl_->advance(0);
}

void TimelineVcd::change(std::int64_t cycle, std::size_t other, std::uint64_t value) {
    impl_->advance(cycle);
    impl_->writer->change(cycle, impl_->first_other + other, value);
}

void TimelineVcd::finish() {
    impl_->advance(impl_->cycles);
    impl_->writer->finish(impl_->cycles);
}

std::vector<std::string> vcd_signals() {
    std::vector<std::string> paths;
    for (const Signal& signal : Signals(Timeline(), TraceContext()).make()) {
        paths.push_back(signal.path);
    }
    return paths;
}

std::size_t write_vcd(std::ostream& stream, const Timeline& timeline, const TraceContext& context,
                      const std::string& pattern) {
    TimelineVcd dump(timeline, context, pattern);
    if (dump.signals() > 0) {
        dump.begin(stream);
        dump.finish();
    }
    return dump.signals();
}

}  // namespace fluence::traces
