// The report writers: snapshots of a tiny campaign, determinism, escaping. FLUENCE_UPDATE_GOLDEN=1 remakes
// the snapshots in tests/analysis/golden.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "analysis/format.h"
#include "analysis/html_text.h"
#include "analysis/registry.h"
#include "analysis/report_files.h"
#include "analysis/reports.h"
#include "sim/core/error.h"
#include "synthetic_campaign.h"
#include "tests/support/temporary_directory.h"

namespace {

using namespace fluence;
using namespace fluence::analysis;
using analysis::testing::Campaign;
using analysis::testing::random_campaign;
using analysis::testing::summarise;
using analysis::testing::tiny_campaign;
using ::testing::HasSubstr;
using ::testing::Not;

std::string read_text(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

void expect_golden(const ReportFile& file) {
    const std::string path = std::string(FLUENCE_SOURCE_DIR) + "/tests/analysis/golden/" + file.name;
    if (std::getenv("FLUENCE_UPDATE_GOLDEN") != nullptr) {
        std::ofstream(path, std::ios::binary) << file.content;
    }
    EXPECT_EQ(file.content, read_text(path)) << path;
}

TEST(Reports, TextAndCsvOfATinyCampaign) {
    const Summary summary = summarise(tiny_campaign());
    for (const ReportFile& file : text_report(summary)) {
        expect_golden(file);
    }
    for (const ReportFile& file : csv_report(summary)) {
        expect_golden(file);
    }
}

TEST(Reports, AreTheSameBytesForTheSameResults) {
    for (const ReportFormat& format : report_formats()) {
        const std::vector<ReportFile> first = format.write(summarise(random_campaign(3, 20, 400)));
        const std::vector<ReportFile> second = format.write(summarise(random_campaign(3, 20, 400)));
        ASSERT_EQ(first.size(), second.size());
        for (std::size_t i = 0; i < first.size(); ++i) {
            EXPECT_EQ(first[i].name, second[i].name);
            EXPECT_EQ(first[i].content, second[i].content) << first[i].name;
        }
    }
}

TEST(Reports, JsonReadsBackExactly) {
    const Summary summary = summarise(random_campaign(4, 20, 777));
    const nlohmann::json report = nlohmann::json::parse(json_report(summary)[0].content);
    for (std::size_t i = 0; i < summary.policies.size(); ++i) {
        const nlohmann::json& policy = report["policies"][i];
        EXPECT_EQ(policy["accuracy"]["rate"].get<double>(), summary.policies[i].accuracy.rate);
        EXPECT_EQ(policy["accuracy"]["interval"][0].get<double>(), summary.policies[i].accuracy.interval.low);
        EXPECT_EQ(policy["accuracy"]["count"].get<std::int64_t>(), summary.policies[i].accuracy.count);
        EXPECT_EQ(policy["delta_loss"]["mean"].get<double>(), summary.policies[i].delta_loss.mean);
    }
}

// Every object with a rate has its count, total and interval beside it.
void expect_counted(const nlohmann::json& value) {
    if (value.is_object() && value.contains("rate")) {
        EXPECT_TRUE(value.contains("count") && value.contains("total") && value.contains("interval"))
            << value.dump();
    }
    if (value.is_structured()) {
        for (const nlohmann::json& part : value) {
            expect_counted(part);
        }
    }
}

TEST(Reports, NoRateWithoutItsCountAndInterval) {
    expect_counted(nlohmann::json::parse(json_report(summarise(tiny_campaign()))[0].content));
}

TEST(Reports, CopeWithNoFaults) {
    Campaign campaign = tiny_campaign();
    campaign.faults.clear();
    for (const ReportFormat& format : report_formats()) {
        for (const ReportFile& file : format.write(summarise(campaign, {}, false))) {
            EXPECT_FALSE(file.content.empty()) << file.name;
            EXPECT_THAT(file.content.substr(0, 20000), Not(HasSubstr("nan"))) << file.name;
        }
    }
}

TEST(Reports, HostileNamesAreInert) {
    const std::string hostile = "<script>alert(1)</script>&\"'`\xE2\x80\xA8\x01\xFF{{data}}";
    Campaign campaign = tiny_campaign();
    campaign.header.policies[1].name = hostile;
    campaign.header.policies[1].description = hostile;
    campaign.header.workload = hostile;
    campaign.header.layer_names[0] = hostile;
    campaign.header.experiment["description"] = hostile.substr(0, 25);
    const Summary summary = summarise(campaign);
    const std::string page = html_report(summary)[0].content;
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
    EXPECT_THAT(page, HasSubstr("\\u003cscript\\u003ealert(1)\\u003c/script\\u003e"));
    // Four script elements and no more: data, Chart.js, plugins, page.
    std::size_t closings = 0;
    for (std::size_t at = page.find("</script"); at != std::string::npos;
         at = page.find("</script", at + 1)) {
        ++closings;
    }
    EXPECT_EQ(closings, 4u);
    const std::string text = text_report(summary)[0].content;
    EXPECT_EQ(text.find('\x01'), std::string::npos);
    EXPECT_THAT(csv_report(summary)[0].content, HasSubstr("\"<script>alert(1)</script>&\"\"'"));
    EXPECT_TRUE(nlohmann::json::accept(json_report(summary)[0].content));
}

TEST(Reports, PageIsSelfContained) {
    const std::string page = html_report(summarise(random_campaign(1, 10, 100)))[0].content;
    EXPECT_THAT(page, HasSubstr("Chart.js v3"));
    EXPECT_THAT(page, Not(HasSubstr("<script src")));
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(page, Not(HasSubstr("@import")));
    EXPECT_THAT(page, HasSubstr("default-src 'none'"));
    EXPECT_THAT(page, Not(HasSubstr("{{page_js}}")));
}

TEST(Registry, UnknownFormatListsTheValidOnes) {
    EXPECT_STREQ(report_format_named("csv", "x").name, "csv");
    try {
        report_format_named("pdf", "--format");
        FAIL();
    } catch (const InputError& error) {
        EXPECT_THAT(error.what(), HasSubstr("text, json, csv, html"));
    }
}

TEST(Format, NumbersAreExactAndLocaleFree) {
    EXPECT_EQ(shortest(1e-15), "1e-15");
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(shortest(std::numeric_limits<double>::quiet_NaN()), "");
    EXPECT_EQ(fixed(1.005, 2), "1.00");
    EXPECT_EQ(signed_fixed(-0.001, 2), "+0.00");
    EXPECT_EQ(signed_fixed(-1.25, 1), "-1.2");
    EXPECT_EQ(thousands(0), "0");
    EXPECT_EQ(thousands(999), "999");
    EXPECT_EQ(thousands(-1234567), "-1,234,567");
    EXPECT_EQ(percent_places(100), 1);
    EXPECT_EQ(percent_places(2000), 2);
    EXPECT_EQ(percent_places(20000), 3);
    EXPECT_EQ(confidence_text(0.999), "99.9 %");
    EXPECT_EQ(p_value_text(1e-9), "<0.0001");
}

TEST(HtmlText, FillsTemplatesInOnePass) {
    EXPECT_EQ(filled("a {{x}} b {{y}}", {{"x", "{{y}}"}, {"y", "2"}}), "a {{y}} b 2");
    EXPECT_THROW(filled("{{z}}", {}), std::logic_error);
}

TEST(ReportFiles, ResultsMayBeAFolder) {
    const test::TemporaryDirectory directory;
    const std::string folder = directory.path();
    EXPECT_THROW(find_results(folder), InputError);
    EXPECT_THROW(find_results(folder + "/none.sqlite"), InputError);
    std::ofstream(folder + "/a.sqlite.partial") << "x";
    EXPECT_EQ(find_results(folder), folder + "/a.sqlite.partial");
    EXPECT_EQ(find_results(folder + "/a.sqlite"),
              folder + "/a.sqlite");  // not there yet, but its partial file
    std::ofstream(folder + "/a.sqlite") << "x";
    EXPECT_EQ(find_results(folder), folder + "/a.sqlite");
    EXPECT_EQ(find_results(folder + "/a.sqlite"), folder + "/a.sqlite");
    std::ofstream(folder + "/b.sqlite") << "x";
    EXPECT_THROW(find_results(folder), InputError);
}

TEST(ReportFiles, AreWrittenWholeOrRefusedInOneLine) {
    const test::TemporaryDirectory directory;
    const std::string folder = directory.path() + "/new/folder";
    EXPECT_EQ(write_files(folder, {{"x.csv", "1\n"}}), std::vector<std::string>{folder + "/x.csv"});
    EXPECT_EQ(read_text(folder + "/x.csv"), "1\n");
    std::ofstream(directory.path() + "/file") << "x";
    EXPECT_THROW(write_files(directory.path() + "/file", {{"x.csv", "1\n"}}), InputError);
    EXPECT_THROW(write_files("/proc/fluence", {{"x.csv", "1\n"}}), InputError);
}

}  // namespace
