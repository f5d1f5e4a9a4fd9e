// The commands of the front end's program. `fluence` passes its own `import` and `train` on to them, and asks
// the others for what it prints itself.
#include <iostream>

#include "apps/commands.h"
#include "apps/front_end.h"
#include "apps/options.h"
#include "models/describe.h"
#include "models/registry.h"

namespace fluence::apps {
namespace {

// A line a network: name, tab, summary.
int print_networks(const Arguments&) {
    for (const models::NetworkInfo& network : models::networks()) {
        std::cout << network.name << "\t" << network.summary << "\n";
    }
    return 0;
}

// MODEL CHANNELS HEIGHT WIDTH CLASSES (workloads/description.h), as JSON.
int print_description(const Arguments& arguments) {
    const auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
    const workloads::Shape input = {number(1), number(2), number(3)};
    std::cout << to_json(models::describe_model(arguments.at(0), input, number(4))) << "\n";
    return 0;
}

}  // namespace

const std::vector<Command>& commands() {
    static const std::vector<Command> table = {
        {"import", "fluence import", run_import},
        {"train", "fluence train", run_train},
        {"describe", "description of a network, as JSON", print_description},
        {"networks", "networks that can be built, a line each", print_networks},
    };
    return table;
}

}  // namespace fluence::apps
