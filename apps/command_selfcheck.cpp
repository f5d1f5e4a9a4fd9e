#include "apps/command_selfcheck.h"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "apps/interrupt.h"
#include "apps/options.h"
#include "apps/progress.h"
#include "apps/selfcheck_report.h"
#include "sim/check/self_check.h"
#include "sim/check/shrink.h"
#include "sim/check/word_check.h"
#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence::apps {
namespace {

constexpr std::int64_t kMaxCases = 1'000'000'000;

struct SelfCheckArguments {
    check::SelfCheckOptions options;
    std::vector<workloads::WordFormat> formats;  // of machines of words; empty: machines of int8
    std::string replay;
    std::string output;
    bool shrink = false;
};

std::vector<workloads::WordFormat> formats_named(const std::string& list) {
    const std::vector<std::string> known = workloads::word_format_names();
    const std::string valid = "int8; " + comma_list(known) + ", with commas";
    std::vector<workloads::WordFormat> formats;
    for (const std::string& name : comma_separated(list)) {
        if (name == "int8") {
            continue;
        }
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            throw InputError("fluence selfcheck", "--format", "is \"" + name + "\"", valid);
        }
        formats.push_back(workloads::word_format_named(name));
    }
    if (!formats.empty() && list.find("int8") != std::string::npos) {
        throw InputError("fluence selfcheck", "--format", "is \"" + list + "\": int8 goes alone", valid);
    }
    return formats;
}

std::optional<SelfCheckArguments> parse(const Arguments& arguments) {
    SelfCheckArguments parsed;
    std::string formats;
    check::SelfCheckOptions& check = parsed.options;
    bool keep_going = false;
    po::options_description options("Options");
    options.add_options()("cases", po::value(&check.cases)->default_value(check.cases), "upset lists to try")(
        "seed", po::value(&check.seed)->default_value(check.seed),
        "case i depends on the seed and on i alone")("jobs,j", po::value(&check.jobs)->default_value(0),
                                                     "worker processes; 0: one a processor")(
        "resume", po::value(&check.state_path), "state file: written as the run goes, read where it exists")(
        "keep-going", po::bool_switch(&keep_going), "count mismatches instead of stopping at the first")(
        "output,o", po::value(&parsed.output)->default_value("."), "folder for reproducers")(
        "replay", po::value(&parsed.replay), "one case: a reproducer's file, or a number under --seed")(
        "shrink", po::bool_switch(&parsed.shrink), "the replayed case, where it differs")(
        "format", po::value(&formats)->default_value("int8"),
        "of the machines: int8, or words in turn: fxp16,fxp32,bf16,fp32");
    const auto values = parse_options("selfcheck", "[OPTIONS]", options, {}, arguments,
                                      "  fluence selfcheck\n"
                                      "  fluence selfcheck --cases 1000000 --seed 7 --resume million.json\n"
                                      "  fluence selfcheck --replay selfcheck-7-123.json\n"
                                      "  fluence selfcheck --format fxp16,fxp32,bf16,fp32 --cases 10000\n");
    if (!values) {
        return std::nullopt;
    }
    if (check.cases < 1 || check.cases > kMaxCases) {
        throw InputError("fluence selfcheck", "--cases", "is " + std::to_string(check.cases),
                         "1 to " + std::to_string(kMaxCases));
    }
    if (check.jobs < 0 || check.jobs > 4096) {
        throw InputError("fluence selfcheck", "--jobs", "is " + std::to_string(check.jobs), "0 to 4096");
    }
    parsed.formats = formats_named(formats);
    if (!parsed.formats.empty() && (!check.state_path.empty() || parsed.shrink)) {
        throw InputError("fluence selfcheck", check.state_path.empty() ? "--shrink" : "--resume",
                         "goes with --format int8");
    }
    check.on_mismatch = keep_going ? check::OnMismatch::go_on : check::OnMismatch::stop;
    return parsed;
}

check::Case case_to_replay(const SelfCheckArguments& arguments) {
    const std::string& replay = arguments.replay;
    const bool number =
        std::all_of(replay.begin(), replay.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number && replay.size() <= 10) {
        return check::case_of(arguments.options.seed, std::stoll(replay));
    }
    return check::parse_case(read_json_file(replay), replay);
}

void write_case(const check::Case& one, const std::string& path) {
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream << check::to_json(one).dump() << "\n";
    stream.close();
    if (!stream) {
        throw InputError(path, "", "cannot be written");
    }
}

// Shrinks a case that differs, and says how to see it again.
void reproduce(const SelfCheckArguments& arguments, const check::Case& one, const std::string& name) {
    std::cerr << "shrinking (Ctrl-C takes the smallest so far)" << std::endl;
    const check::ShrinkResult result = check::shrink(one, arguments.options.compare, check::kShrinkBudget,
                                                     [] { return stop_requested().load(); });
    const std::string path = arguments.output + "/" + name + ".json";
    write_case(result.smallest, path);
    std::cout << "shrunk: " << result.difference << "\n";
    print_case(std::cout, result.smallest);
    std::cout << "replay with: fluence selfcheck --replay " << path << "\n";
}

int replay_case(const SelfCheckArguments& arguments) {
    const check::Case one = case_to_replay(arguments);
    print_case(std::cout, one);
    const std::string difference =
        arguments.options.compare(one.setup, check::run_tile_level(one.setup), {one.upsets})
            .front()
            .difference;
    std::cout << (difference.empty() ? "both fidelities agree" : "mismatch: " + difference) << std::endl;
    if (!difference.empty() && arguments.shrink) {
        handle_interrupts();
        reproduce(arguments, one, "selfcheck-shrunk");
    }
    return difference.empty() ? 0 : 1;
}

std::string case_name(std::uint64_t seed, std::int64_t number) {
    return "selfcheck-" + std::to_string(seed) + "-" + std::to_string(number);
}

int replay_word_case(const check::WordCheckOptions& options, const std::string& replay) {
    const bool number =
        std::all_of(replay.begin(), replay.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || replay.size() > 10) {
        throw InputError("fluence selfcheck", "--replay", "is \"" + replay + "\"",
                         "with --format of words: the number of a case under --seed");
    }
    const check::WordCase one = check::word_case(options, std::stoll(replay));
    print_word_case(std::cout, one);
    const std::string difference = check::compare_words(one);
    std::cout << (difference.empty() ? "both fidelities agree" : "mismatch: " + difference) << std::endl;
    return difference.empty() ? 0 : 1;
}

int check_words(const SelfCheckArguments& arguments) {
    check::WordCheckOptions options;
    options.formats = arguments.formats;
    options.cases = arguments.options.cases;
    options.seed = arguments.options.seed;
    options.jobs = arguments.options.jobs;
    if (!arguments.replay.empty()) {
        return replay_word_case(options, arguments.replay);
    }
    handle_interrupts();
    options.stop = &stop_requested();
    std::optional<ProgressDisplay> display("cases");
    options.progress = [&](std::int64_t done, std::int64_t total) { display->count(done, total); };
    const check::WordReport report = check::run_word_check(options);
    display.reset();
    for (std::size_t i = 0; i < std::min<std::size_t>(report.mismatches.size(), 20); ++i) {
        const check::WordMismatch& mismatch = report.mismatches[i];
        std::cout << "case " << mismatch.number << ": " << mismatch.difference << "\n";
    }
    print_word_tally(std::cout, report, options.seed);
    if (!report.mismatches.empty()) {
        std::cout << "replay with the same --format and --seed, and --replay "
                  << report.mismatches.front().number << "\n";
        return 1;
    }
    return report.tally.cases < options.cases ? kInterruptedExitCode : 0;
}

}  // namespace

int run_selfcheck(const Arguments& arguments) {
    std::optional<SelfCheckArguments> parsed = parse(arguments);
    if (!parsed) {
        return 0;
    }
    if (!parsed->formats.empty()) {
        return check_words(*parsed);
    }
    if (!parsed->replay.empty()) {
        return replay_case(*parsed);
    }
    check::SelfCheckOptions& options = parsed->options;
    handle_interrupts();
    options.stop = &stop_requested();
    std::optional<ProgressDisplay> display("cases");
    options.progress = [&display](const check::SelfCheckProgress& progress) {
        display->show({progress.done, progress.total, progress.per_second, progress.seconds_left});
    };
    const check::RunState state = check::run_self_check(options);
    display.reset();
    const check::Tally tally = state.tally();
    print_tally(std::cout, tally, options.seed);
    const std::vector<check::Mismatch> mismatches = state.mismatches();
    if (!mismatches.empty()) {
        for (std::size_t i = 1; i < std::min<std::size_t>(mismatches.size(), 20); ++i) {
            std::cout << "case " << mismatches[i].number << ": " << mismatches[i].difference << "\n";
        }
        const check::Mismatch& first = mismatches.front();
        std::cout << "\ncase " << first.number << ": " << first.difference << "\n" << std::flush;
        reproduce(*parsed, check::case_of(options.seed, first.number), case_name(options.seed, first.number));
        return 1;
    }
    if (tally.cases < options.cases) {
        std::cerr << "stopped after " << tally.cases << " of " << options.cases << " cases"
                  << (options.state_path.empty() ? "; --resume FILE would let the run go on"
                                                 : "; the same command goes on")
                  << std::endl;
        return kInterruptedExitCode;
    }
    return 0;
}

}  // namespace fluence::apps
