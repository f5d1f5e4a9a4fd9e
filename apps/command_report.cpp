#include "apps/command_report.h"

#include <iostream>

#include "analysis/report_files.h"
#include "apps/options.h"
#include "sim/core/error.h"

namespace fluence::apps {

namespace {

std::string format_names() {
    std::string names;
    for (const analysis::ReportFormat& format : analysis::report_formats()) {
        names += (names.empty() ? "" : ",") + std::string(format.name);
    }
    return names;
}

analysis::IntervalMethod method_of(const std::string& name) {
    const std::vector<std::string> names = analysis::interval_method_names();
    std::string valid;
    for (const std::string& known : names) {
        if (known == name) {
            return analysis::interval_method_named(name);
        }
        valid += (valid.empty() ? "" : ", ") + known;
    }
    throw InputError("fluence report", "--interval", "there is no interval \"" + name + "\"", valid);
}

}  // namespace

int run_report(const Arguments& arguments) {
    std::string results, format_list, interval;
    analysis::ReportOptions report;
    double confidence = 0;
    po::options_description options("Options");
    options.add_options()("results", po::value(&results), "result file of a campaign, or its folder")(
        "output,o", po::value(&report.directory),
        "folder for the report files (default: beside the results)")(
        "format", po::value(&format_list)->default_value(format_names()),
        "formats to write, separated by commas")("confidence", po::value(&confidence),
                                                 "confidence of the intervals (default: the experiment's)")(
        "interval", po::value(&interval), "wilson or clopper-pearson (default: the experiment's)");
    const auto values =
        parse_options("report", "RESULTS [OPTIONS]", options, {"results"}, arguments,
                      "  fluence report out/lenet5\n"
                      "  fluence report results.sqlite --confidence 0.99 --format text,html -o report\n");
    if (!values) {
        return 0;
    }
    if (results.empty()) {
        throw InputError("fluence report", "RESULTS", "is missing",
                         "the .sqlite file of a campaign, or its folder");
    }
    if (values->count("confidence") != 0) {
        report.summary.confidence = confidence;
    }
    if (!interval.empty()) {
        report.summary.method = method_of(interval);
    }
    report.formats = comma_separated(format_list);
    const analysis::WrittenReport written = analysis::write_report(results, report);
    std::cout << written.table;
    if (!written.paths.empty()) {
        std::cout << "\nWritten:\n";
    }
    for (const std::string& path : written.paths) {
        std::cout << "  " << path << "\n";
    }
    return 0;
}

}  // namespace fluence::apps
