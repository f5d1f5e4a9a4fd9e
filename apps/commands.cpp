#include "apps/commands.h"

#include "apps/command_area.h"
#include "apps/command_crosscheck.h"
#include "apps/command_cycles.h"
#include "apps/command_describe.h"
#include "apps/command_inject.h"
#include "apps/command_list.h"
#include "apps/command_merge.h"
#include "apps/command_plan.h"
#include "apps/command_replay.h"
#include "apps/command_report.h"
#include "apps/command_run.h"
#include "apps/command_select.h"
#include "apps/command_selfcheck.h"
#include "apps/command_simulate.h"
#include "apps/front_end.h"

namespace fluence::apps {

const std::vector<Command>& commands() {
    static const std::vector<Command> table = {
        {"run", "run a fault-injection campaign, or resume it, and print its report", run_run},
        {"merge", "the results of a campaign from those of its shards (run --shard)", run_merge},
        {"report", "table, JSON, CSV and HTML page of a campaign's results", run_report},
        {"plan", "sample sizes for a margin, the size of the fault space, the expected time", run_plan},
        {"inject", "faults in stored weights and outputs in any number format; upsets of machines of words",
         run_inject},
        {"simulate", "cycles, stalls, utilisation and traffic of one inference, layer by layer",
         run_simulate},
        {"crosscheck", "records of upsets in public RTL arrays against both fidelities of ours",
         run_crosscheck},
        {"replay", "recorded upsets again, with their path in words", run_replay},
        {"cycles", "compute cycles of a table of layers on an array, without its memories", run_cycles},
        {"selfcheck", "both fidelities of the machine against each other on random cases", run_selfcheck},
        {"area", "area of a machine under a policy, or of one hardware unit", run_area},
        {"select", "a protection plan for a network: which weights, or which filters, a policy protects",
         run_select},
        {"describe", "layers, feature maps, neurons, MACs and parameters of a network", run_describe},
        {"list", "accelerators, policies, experiments and everything else that has a name", run_list},
        {"import", "a trained network (TorchScript, or a listed one) and its data become a workload bundle",
         run_import},
        {"train", "train a listed network, with checkpoints", run_train},
    };
    return table;
}

}  // namespace fluence::apps
