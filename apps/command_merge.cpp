#include "apps/command_merge.h"

#include <iostream>

#include "apps/options.h"
#include "sim/campaign/result_store.h"
#include "sim/core/error.h"

namespace fluence::apps {

int run_merge(const Arguments& arguments) {
    std::string output;
    std::vector<std::string> shards;
    bool force = false;
    po::options_description options("Options");
    options.add_options()("output", po::value(&output), "file for the results of the campaign")(
        "shards", po::value(&shards)->composing(), "files of all its shards, in any order")(
        "force", po::bool_switch(&force), "delete results that are there");
    const auto values = parse_options(
        "merge", "OUTPUT SHARD... [OPTIONS]", options, {"output", "shards"}, arguments,
        "  fluence run lenet5-glyphs --shard 1/2\n"
        "  fluence run lenet5-glyphs --shard 2/2\n"
        "  fluence merge results/lenet5-glyphs/results.sqlite results/lenet5-glyphs/shards/*-of-2.sqlite\n"
        "The result has the same bytes as that of the campaign run in one.\n");
    if (!values) {
        return 0;
    }
    if (output.empty() || shards.empty()) {
        throw InputError("fluence merge", output.empty() ? "OUTPUT" : "SHARD", "is missing",
                         "the file to write, then the files of all shards");
    }
    if (force) {
        campaign::discard_results(output);
    }
    campaign::merge_shards(output, shards);
    std::cout << "Results: " << output << " of " << shards.size() << " shards\nReport: fluence report "
              << output << "\n";
    return 0;
}

}  // namespace fluence::apps
