#include "analysis/registry.h"

#include "analysis/reports.h"
#include "sim/core/error.h"

namespace fluence::analysis {

const std::vector<ReportFormat>& report_formats() {
    static const std::vector<ReportFormat> table = {
        {"text", "the tables of the terminal (report.txt)", &text_report},
        {"json", "everything, machine-readable (report.json)", &json_report},
        {"csv", "one file a table (policies.csv, outcomes.csv ...)", &csv_report},
        {"html", "one self-contained page with charts (report.html)", &html_report},
    };
    return table;
}

const ReportFormat& report_format_named(const std::string& name, const std::string& context) {
    std::string valid;
    for (const ReportFormat& format : report_formats()) {
        if (name == format.name) {
            return format;
        }
        valid += (valid.empty() ? "" : ", ") + std::string(format.name);
    }
    throw InputError(context, "", "there is no report format \"" + name + "\"", valid);
}

}  // namespace fluence::analysis
