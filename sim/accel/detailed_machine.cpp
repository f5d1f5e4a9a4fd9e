// The ways of running the register-true machine (machine.h).
#include <algorithm>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "sim/accel/child_process.h"
#include "sim/accel/detailed_accelerator.h"
#include "sim/accel/machine.h"
#include "sim/accel/memory_image.h"
#include "sim/accel/systemc_setup.h"

namespace fluence::accel {
namespace {

using Altered = DetailedVectorUnit::Altered;
using UpsetLists = std::vector<std::vector<traces::Upset>>;

// A run, and what only a fault-free run can judge.
struct Judged {
    DetailedRun run;
    std::vector<Altered> restricted, filtered;
};

template <class T>
void put(std::ostream& stream, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    stream.write(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
T take(std::istream& stream) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    stream.read(reinterpret_cast<char*>(&value), sizeof value);
    return value;
}
template <class T>
void put_all(std::ostream& stream, const std::vector<T>& values) {
    put(stream, values.size());
    stream.write(reinterpret_cast<const char*>(values.data()),
                 static_cast<std::streamsize>(values.size() * sizeof(T)));
}
template <class T>
std::vector<T> take_all(std::istream& stream) {
    std::vector<T> values(take<std::size_t>(stream));
    stream.read(reinterpret_cast<char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(T)));
    return values;
}

void put_run(std::ostream& stream, const DetailedRun& run) {
    for (const bool flag : {run.corrected, run.detected, run.suppressed, run.unrepaired, run.aborted}) {
        put(stream, flag);
    }
    put(stream, run.recovery_cycles);
    put(stream, run.tensors.size());
    for (const workloads::Codes& codes : run.tensors) {
        put_all(stream, codes);
    }
}

DetailedRun take_run(std::istream& stream) {
    DetailedRun run;
    for (bool* flag : {&run.corrected, &run.detected, &run.suppressed, &run.unrepaired, &run.aborted}) {
        *flag = take<bool>(stream);
    }
    run.recovery_cycles = take<Cycle>(stream);
    run.tensors.resize(take<std::size_t>(stream));
    for (workloads::Codes& codes : run.tensors) {
        codes = take_all<std::int32_t>(stream);
    }
    if (!stream) {
        throw std::runtime_error("the machine's process sent too few bytes");
    }
    return run;
}

// One elaborated machine on one image.
class Machine {
  public:
    Machine(const workloads::Graph& graph, const AcceleratorConfig& config, const protect::Policy& policy,
            const traces::Timeline& timeline, const workloads::Codes& image,
            const std::vector<arith::OutputBounds>& bounds, const std::vector<arith::LayerFilters>& filters)
        : image_(image),
          workload_(graph, config, policy),
          script_(workload_, timeline, bounds, filters),
          accelerator_("accelerator", script_, memory_image(workload_, image)) {}

    const Workload& workload() const { return workload_; }
    bool alters_values() const { return !script_.bounds.empty() || !script_.filters.empty(); }
    void observe(ArrayObserver* observer) { accelerator_.observe(observer); }

    // The whole run from where the machine is, in this process.
    Judged finish(const std::vector<traces::Upset>& upsets) {
        accelerator_.attach(upsets);
        accelerator_.run_to_end();
        const DetailedVectorUnit::Report& report = accelerator_.vector_unit().report();
        Judged judged{accelerator_.result(), report.restricted, report.filtered};
        complete(judged.run.tensors);
        return judged;
    }

    // Every list from the same start. The machine goes once through the fault-free cycles; where the first
    // upset of a list strikes, a copy of its process takes over.
    std::vector<DetailedRun> run_each(const UpsetLists& lists) {
        std::vector<Judged> runs(lists.size());
        for (const std::size_t i : by_first_cycle(lists)) {
            accelerator_.run_until(std::min(first_cycle(lists[i]), script_.timeline.cycles));
            runs[i] = in_copy(lists[i]);
        }
        if (alters_values()) {
            finish({});
            judge_alterations(runs);
        }
        std::vector<DetailedRun> results;
        results.reserve(runs.size());
        for (Judged& judged : runs) {
            results.push_back(std::move(judged.run));
        }
        return results;
    }

  private:
    static Cycle first_cycle(const std::vector<traces::Upset>& upsets) {
        Cycle first = kNever;
        for (const traces::Upset& upset : upsets) {
            first = std::min(first, upset.cycle);
        }
        return first;
    }

    static std::vector<std::size_t> by_first_cycle(const UpsetLists& lists) {
        std::vector<std::size_t> order(lists.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return first_cycle(lists[a]) < first_cycle(lists[b]);
        });
        return order;
    }

    Judged in_copy(const std::vector<traces::Upset>& upsets) {
        std::istringstream stream(in_child_process([&] {
            const Judged judged = finish(upsets);
            std::ostringstream message;
            put_run(message, judged.run);
            put_all(message, judged.restricted);
            put_all(message, judged.filtered);
            return message.str();
        }));
        Judged judged;
        judged.run = take_run(stream);
        judged.restricted = take_all<Altered>(stream);
        judged.filtered = take_all<Altered>(stream);
        return judged;
    }

    // Whether one of the values was wrong: `golden` are the fault-free ones in the same place.
    static bool any_wrong(const std::vector<Altered>& values, const std::vector<workloads::Codes>& golden) {
        return std::any_of(values.begin(), values.end(), [&](const Altered& value) {
            const workloads::Codes& codes = golden[static_cast<std::size_t>(value.tensor)];
            return codes[static_cast<std::size_t>(value.element)] != value.code;
        });
    }

    // Behind the fault-free run: a value that range restriction or a filter altered counts as suppressed
    // where it was wrong.
    void judge_alterations(std::vector<Judged>& runs) const {
        const DetailedVectorUnit& golden = accelerator_.vector_unit();
        for (Judged& judged : runs) {
            judged.run.suppressed = judged.run.suppressed ||
                                    any_wrong(judged.restricted, golden.unrestricted()) ||
                                    any_wrong(judged.filtered, golden.unfiltered());
        }
    }

    // The network's input is not the vector unit's.
    void complete(std::vector<workloads::Codes>& tensors) const {
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            if (script_.layouts[t].stored() == workload_.graph.input) {
                tensors[t] = image_;
            }
        }
    }

    const workloads::Codes& image_;
    Workload workload_;
    Script script_;
    DetailedAccelerator accelerator_;
};

}  // namespace

DetailedRun elaborate_and_run_detailed(const workloads::Graph& graph, const AcceleratorConfig& config,
                                       const protect::Policy& policy, const traces::Timeline& timeline,
                                       const workloads::Codes& image,
                                       const std::vector<traces::Upset>& upsets,
                                       const std::vector<arith::OutputBounds>& bounds,
                                       ArrayObserver* observer,
                                       const std::vector<arith::LayerFilters>& filters) {
    quiet_systemc();
    Machine machine(graph, config, policy, timeline, image, bounds, filters);
    machine.observe(observer);
    Injector::check(machine.workload(), upsets);
    if (!machine.alters_values() || upsets.empty()) {
        return machine.finish(upsets).run;
    }
    return machine.run_each({upsets}).front();
}

DetailedRun run_detailed(const workloads::Graph& graph, const AcceleratorConfig& config,
                         const protect::Policy& policy, const traces::Timeline& timeline,
                         const workloads::Codes& image, const std::vector<traces::Upset>& upsets,
                         const std::vector<arith::OutputBounds>& bounds,
                         const std::vector<arith::LayerFilters>& filters) {
    std::istringstream stream(in_child_process([&] {
        std::ostringstream message;
        put_run(message, elaborate_and_run_detailed(graph, config, policy, timeline, image, upsets, bounds,
                                                    nullptr, filters));
        return message.str();
    }));
    return take_run(stream);
}

std::vector<DetailedRun> run_detailed_each(const workloads::Graph& graph, const AcceleratorConfig& config,
                                           const protect::Policy& policy, const traces::Timeline& timeline,
                                           const workloads::Codes& image, const UpsetLists& lists,
                                           const std::vector<arith::OutputBounds>& bounds,
                                           const std::vector<arith::LayerFilters>& filters) {
    std::istringstream stream(in_child_process([&] {
        quiet_systemc();
        Machine machine(graph, config, policy, timeline, image, bounds, filters);
        for (const std::vector<traces::Upset>& upsets : lists) {
            Injector::check(machine.workload(), upsets);
        }
        std::ostringstream message;
        for (const DetailedRun& run : machine.run_each(lists)) {
            put_run(message, run);
        }
        return message.str();
    }));
    std::vector<DetailedRun> runs;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        runs.push_back(take_run(stream));
    }
    return runs;
}

}  // namespace fluence::accel
