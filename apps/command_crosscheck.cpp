#include "apps/command_crosscheck.h"

#include <iostream>

#include "apps/options.h"
#include "sim/core/error.h"
#include "sim/crosscheck/crosscheck.h"

namespace fluence::apps {

int run_crosscheck(const Arguments& arguments) {
    std::vector<std::string> paths;
    po::options_description options("Options");
    options.add_options()("file", po::value(&paths)->composing(),
                          "records of upsets or of latencies (docs/crosscheck.md)");
    const auto values = parse_options("crosscheck", "FILE.jsonl...", options, {"file"}, arguments,
                                      "  fluence crosscheck gemmini_ws_4x4.jsonl\n");
    if (!values) {
        return 0;
    }
    if (paths.empty()) {
        throw InputError("fluence crosscheck", "FILE", "is missing",
                         "files of records, one JSON object a line");
    }
    std::vector<crosscheck::FileResult> results;
    for (const std::string& path : paths) {
        results.push_back(crosscheck::crosscheck(crosscheck::read_records(path)));
    }
    crosscheck::print(std::cout, results);
    return crosscheck::total(results).all_agree ? 0 : 1;
}

}  // namespace fluence::apps
