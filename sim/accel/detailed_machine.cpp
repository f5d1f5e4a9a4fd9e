// The ways of running the register-true machine (machine.h).
#include <algorithm>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "sim/accel/child_process.h"
#include "sim/accel/detailed_accelerator.h"
#include "sim/accel/detailed_request.h"
#include "sim/accel/machine.h"
#include "sim/accel/memory_image.h"
#include "sim/accel/systemc_setup.h"
#include "sim/protect/rerun.h"

namespace fluence::accel {
namespace {

using UpsetLists = std::vector<std::vector<traces::Upset>>;

// A run, and what only a fault-free run can judge.
struct Judged {
    DetailedRun run;
    std::vector<AlteredCode> restricted, filtered;
    std::vector<std::uint8_t> dram;  // its cells, where the policy runs inferences again
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
    for (const bool flag :
         {run.corrected, run.detected, run.suppressed, run.unrepaired, run.aborted, run.zeroed}) {
        put(stream, flag);
    }
    put(stream, run.recovery_cycles);
    put(stream, run.runs);
    put(stream, run.cycles);
    put(stream, run.tensors.size());
    for (const workloads::Codes& codes : run.tensors) {
        put_all(stream, codes);
    }
}

DetailedRun take_run(std::istream& stream) {
    DetailedRun run;
    for (bool* flag :
         {&run.corrected, &run.detected, &run.suppressed, &run.unrepaired, &run.aborted, &run.zeroed}) {
        *flag = take<bool>(stream);
    }
    run.recovery_cycles = take<Cycle>(stream);
    run.runs = take<int>(stream);
    run.cycles = take<Cycle>(stream);
    run.tensors.resize(take<std::size_t>(stream));
    for (workloads::Codes& codes : run.tensors) {
        codes = take_all<std::int32_t>(stream);
    }
    if (!stream) {
        throw std::runtime_error("the machine's process sent too few bytes");
    }
    return run;
}

std::string message_of(const std::vector<Judged>& runs) {
    std::ostringstream message;
    for (const Judged& judged : runs) {
        put_run(message, judged.run);
        put_all(message, judged.restricted);
        put_all(message, judged.filtered);
        put_all(message, judged.dram);
    }
    return message.str();
}

std::vector<Judged> judged_of(const std::string& message, std::size_t count) {
    std::istringstream stream(message);
    std::vector<Judged> runs(count);
    for (Judged& judged : runs) {
        judged.run = take_run(stream);
        judged.restricted = take_all<AlteredCode>(stream);
        judged.filtered = take_all<AlteredCode>(stream);
        judged.dram = take_all<std::uint8_t>(stream);
    }
    return runs;
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
        Judged judged{
            accelerator_.result(), report.restricted, accelerator_.vector_unit().filter().altered(), {}};
        if (protect::reruns(workload_.policy)) {
            judged.dram = accelerator_.dram_cells();
        }
        complete(judged.run.tensors);
        return judged;
    }

    // Every list from the same start.
    std::vector<DetailedRun> run_each(const UpsetLists& lists) {
        std::vector<Judged> runs = from_one_start(lists);
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

    // Every list is a request with all its runs. Each run is made in a copy of this process, whose machine
    // stays before its first cycle, but for the fault-free run at the end.
    std::vector<DetailedRun> serve_each(const UpsetLists& lists) {
        UpsetLists first(lists.size());
        for (std::size_t i = 0; i < lists.size(); ++i) {
            std::copy_if(lists[i].begin(), lists[i].end(), std::back_inserter(first[i]),
                         [&](const traces::Upset& upset) { return upset.cycle < script_.timeline.cycles; });
        }
        std::vector<Judged> begun =
            judged_of(in_child_process([&] { return message_of(from_one_start(first)); }), lists.size());
        std::vector<DetailedRequest> requests;
        std::vector<std::vector<Judged>> runs(lists.size());
        for (std::size_t i = 0; i < lists.size(); ++i) {
            requests.emplace_back(workload_, script_.timeline.cycles, lists[i]);
            runs[i].push_back(std::move(begun[i]));
            while (requests[i].again(runs[i].back().run)) {
                const std::vector<traces::Upset> upsets = requests[i].next_upsets();
                std::vector<std::uint8_t> cells = std::move(runs[i].back().dram);
                runs[i].push_back(judged_of(in_child_process([&] {
                                                accelerator_.start_from(std::move(cells));
                                                return message_of({finish(upsets)});
                                            }),
                                            1)
                                      .front());
            }
        }
        if (alters_values()) {
            finish({});
        }
        std::vector<DetailedRun> results;
        for (std::size_t i = 0; i < lists.size(); ++i) {
            if (alters_values()) {
                judge_alterations(runs[i]);
            }
            std::vector<DetailedRun> all;
            for (Judged& judged : runs[i]) {
                all.push_back(std::move(judged.run));
            }
            results.push_back(requests[i].end(std::move(all)));
        }
        return results;
    }

  private:
    // The machine goes once through the fault-free cycles; where the first upset of a list strikes, a copy of
    // its process takes over.
    std::vector<Judged> from_one_start(const UpsetLists& lists) {
        std::vector<Judged> runs(lists.size());
        for (const std::size_t i : by_first_cycle(lists)) {
            accelerator_.run_until(std::min(first_cycle(lists[i]), script_.timeline.cycles));
            runs[i] = judged_of(in_child_process([&] { return message_of({finish(lists[i])}); }), 1).front();
        }
        return runs;
    }

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

    // Whether one of the values was wrong: `golden` are the fault-free ones in the same place.
    static bool any_wrong(const std::vector<AlteredCode>& values,
                          const std::vector<workloads::Codes>& golden) {
        return std::any_of(values.begin(), values.end(), [&](const AlteredCode& value) {
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
    return run_detailed_each(graph, config, policy, timeline, image, {upsets}, bounds, filters).front();
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
        const bool requests = protect::reruns(policy);
        for (const DetailedRun& run : requests ? machine.serve_each(lists) : machine.run_each(lists)) {
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
