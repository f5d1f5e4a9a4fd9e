#include "apps/command_area.h"

#include <cstdio>
#include <iostream>

#include "apps/options.h"
#include "sim/accel/area.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/config_search.h"
#include "sim/core/error.h"
#include "sim/cost/units.h"
#include "sim/protect/area.h"

namespace fluence::apps {
namespace {

using cost::AreaNode;

// What the options ask for; `unit` is empty for a whole machine.
struct AreaRequest {
    std::string accelerator, policy, unit;
    int width = 0;
    bool json = false;
};

std::string text(const char* format, double value) {
    char line[64];
    std::snprintf(line, sizeof line, format, value);
    return line;
}

int print_unit(const AreaRequest& request) {
    const cost::UnitCost cost = cost::unit_cost(request.unit, request.width);
    if (request.json) {
        nlohmann::ordered_json line = {{"unit", request.unit},
                                       {"width", request.width},
                                       {"nand2_eq", cost.area.count()},
                                       {"ffs", cost.flipflops}};
        std::cout << line.dump() << "\n";
    } else {
        std::cout << request.unit << ", width " << request.width << ": " << text("%.1f", cost.area.count())
                  << " NAND2 equivalents, " << cost.flipflops << " flip-flops\n";
    }
    return 0;
}

nlohmann::ordered_json tree_json(const AreaNode& node, GateEquivalents reference) {
    nlohmann::ordered_json value = {{"name", node.name},
                                    {"nand2_eq", node.area.count()},
                                    {"percent", 100 * (node.area / reference)},
                                    {"protection", node.protection}};
    for (const AreaNode& part : node.parts) {
        value["parts"].push_back(tree_json(part, reference));
    }
    return value;
}

void print_tree(const AreaNode& node, GateEquivalents reference, std::size_t depth) {
    constexpr std::size_t kNameWidth = 40;
    const std::string name = std::string(2 * depth, ' ') + node.name + (node.protection ? " +" : "");
    std::cout << name << std::string(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ')
              << text("%12.0f", node.area.count()) << text("%10.2f %%", 100 * (node.area / reference))
              << "\n";
    for (const AreaNode& part : node.parts) {
        print_tree(part, reference, depth + 1);
    }
}

int print_machine(const AreaRequest& request) {
    const AcceleratorConfig config = read_accelerator(find_config("accelerators", request.accelerator));
    const protect::Policy policy = protect::load_policy(request.policy);
    const AreaNode tree = accel::area_of(config, policy);
    const GateEquivalents reference = accel::area_of(config, protect::Policy()).area;
    const double overhead = 100 * (tree.area / reference - 1);
    const double dram_share = 100 * protect::dram_check_share(config, policy);
    if (request.json) {
        const nlohmann::ordered_json value = {{"accelerator", config.name},
                                              {"policy", policy.name},
                                              {"unprotected_nand2_eq", reference.count()},
                                              {"nand2_eq", tree.area.count()},
                                              {"overhead_percent", overhead},
                                              {"dram_check_percent", dram_share},
                                              {"tree", tree_json(tree, reference)}};
        std::cout << value.dump(2) << "\n";
        return 0;
    }
    std::cout << config.name << " under " << policy.name
              << ": NAND2 equivalents, % of the unprotected accelerator; "
              << "+ is there for protection\n\n";
    print_tree(tree, reference, 0);
    std::cout << "\noverhead " << text("%.2f", overhead) << " % on chip; check bits take "
              << text("%.2f", dram_share) << " % more DRAM\n";
    return 0;
}

}  // namespace

int run_area(const Arguments& arguments) {
    AreaRequest request;
    po::options_description options("Options");
    options.add_options()("machine,accelerator,a", po::value(&request.accelerator),
                          "preset or file of an accelerator (also --accelerator)")(
        "policy,p", po::value(&request.policy)->default_value("none"),
        "preset or file of a protection policy")("unit", po::value(&request.unit),
                                                 "a hardware unit instead (fluence list units)")(
        "width", po::value(&request.width), "its width in bits")("json", po::bool_switch(&request.json),
                                                                 "print JSON");
    const auto values =
        parse_options("area", "--machine M [--policy P] | --unit NAME --width W", options, {}, arguments,
                      "  fluence area --machine edge-16x16 --policy secded\n"
                      "  fluence area --unit secded_hsiao_dec --width 64 --json\n");
    if (!values) {
        return 0;
    }
    if (request.unit.empty() == request.accelerator.empty()) {
        throw InputError("fluence area", "", "needs either a machine or a unit",
                         "--machine M [--policy P], --unit NAME --width W");
    }
    if (request.unit.empty()) {
        return print_machine(request);
    }
    if (values->count("width") == 0) {
        throw InputError("fluence area", "--width", "is missing", "the unit's width in bits");
    }
    return print_unit(request);
}

}  // namespace fluence::apps
