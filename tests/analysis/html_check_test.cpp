// Opens report.html in headless Chromium: wide and narrow, light and dark. FLUENCE_SCREENSHOTS=DIR keeps
// pictures there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "analysis/reports.h"
#include "headless_browser.h"
#include "synthetic_campaign.h"
#include "tests/support/temporary_directory.h"

namespace {

using namespace fluence;
using analysis::testing::Campaign;
using analysis::testing::HeadlessBrowser;
using ::testing::IsEmpty;

constexpr int kCharts = 7;

class HtmlCheck : public ::testing::Test {
  protected:
    void SetUp() override {
        const std::string executable = HeadlessBrowser::find();
        if (executable.empty()) {
            GTEST_SKIP()
                << "NO CHROMIUM: the HTML report was not opened. Install Debian's package chromium or set "
                   "FLUENCE_CHROMIUM.";
        }
        browser_ = std::make_unique<HeadlessBrowser>(executable, directory_.file("profile"));
    }

    // Writes the campaign's page and opens it.
    void show(const Campaign& campaign, int width, const std::string& scheme) {
        const std::string path = directory_.file("report.html");
        test::write_file(path, analysis::html_report(analysis::testing::summarise(campaign))[0].content);
        browser_->set_viewport(width, 900);
        browser_->set_colour_scheme(scheme);
        browser_->open("file://" + path);
    }

    // What must hold for every page.
    void expect_sound(int charts) {
        EXPECT_THAT(browser_->complaints(), IsEmpty());
        for (const std::string& request : browser_->requests()) {
            EXPECT_TRUE(request.rfind("file://", 0) == 0 || request.rfind("data:", 0) == 0) << request;
        }
        EXPECT_EQ(
            browser_->evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
            0)
            << "the page scrolls sideways: "
            << browser_->evaluate(
                   "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && "
                   "e.getBoundingClientRect().right > document.documentElement.clientWidth)"
                   ".map(e => e.tagName + '#' + e.id + '.' + e.className)");
        EXPECT_EQ(painted_canvases(), charts);
    }

    // Canvases with ink on them.
    int painted_canvases() {
        return browser_
            ->evaluate(
                "[...document.querySelectorAll('canvas')].filter(c => c.width > 0 && c.height > 0 && "
                "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v !== 0)).length")
            .get<int>();
    }

    // What a canvas shows; compared as a whole, too long to print.
    std::string picture(const std::string& canvas) {
        return browser_->evaluate("document.getElementById('" + canvas + "').toDataURL()").get<std::string>();
    }

    // The browser tells the page of a new colour scheme with its next frame.
    void next_frame() {
        browser_->evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
    }

    void keep_picture(const std::string& name) {
        if (const char* folder = std::getenv("FLUENCE_SCREENSHOTS")) {
            test::write_file(std::string(folder) + "/" + name + ".png", browser_->screenshot());
        }
    }

    test::TemporaryDirectory directory_;
    std::unique_ptr<HeadlessBrowser> browser_;
};

// Texts whose contrast to their background is below WCAG 2's 4.5 : 1.
const char* const kLowContrast = R"js(
(() => {
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1 }; };
  const luminance = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.tagName === 'SCRIPT' || e.tagName === 'NOSCRIPT') continue;
    const a = luminance(parse(getComputedStyle(e).color).rgb), b = luminance(behind(e));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push(`${e.tagName} ${e.textContent.slice(0, 20)} ${contrast.toFixed(2)}`);
  }
  return low;
})())js";

TEST_F(HtmlCheck, WideAndNarrowLightAndDark) {
    const Campaign campaign = analysis::testing::random_campaign(1, 200, 2000);
    for (const int width : {1280, 400}) {
        for (const std::string scheme : {"light", "dark"}) {
            SCOPED_TRACE(scheme + " " + std::to_string(width));
            show(campaign, width, scheme);
            expect_sound(kCharts);
            EXPECT_EQ(browser_->evaluate(kLowContrast), nlohmann::json::array());
            keep_picture(scheme + "-" + std::to_string(width));
        }
    }
}

TEST_F(HtmlCheck, FollowsTheColourSchemeWhileOpen) {
    show(analysis::testing::random_campaign(1, 50, 500), 1280, "light");
    const std::string background = "getComputedStyle(document.body).backgroundColor";
    const nlohmann::json light_page = browser_->evaluate(background);
    const std::string light_chart = picture("chart-sdc");
    browser_->set_colour_scheme("dark");
    next_frame();
    EXPECT_NE(browser_->evaluate(background), light_page);
    EXPECT_FALSE(picture("chart-sdc") == light_chart);
    browser_->set_colour_scheme("light");
    next_frame();
    EXPECT_TRUE(picture("chart-sdc") == light_chart);
    expect_sound(kCharts);
}

TEST_F(HtmlCheck, ChoosingAPolicyRedrawsTheBreakdowns) {
    show(analysis::testing::random_campaign(1, 50, 2000), 1280, "light");
    const std::string before = picture("chart-structure");
    browser_->evaluate(
        "(() => { const s = document.getElementById('select-policy'); s.selectedIndex = 2; "
        "s.dispatchEvent(new Event('change')); })()");
    EXPECT_FALSE(picture("chart-structure") == before);
    EXPECT_THAT(browser_->evaluate("document.querySelector('#table-structure caption').textContent")
                    .get<std::string>(),
                ::testing::HasSubstr("secded"));
    const std::string without_masked = picture("chart-structure");
    browser_->evaluate("document.getElementById('show-masked').click()");
    EXPECT_FALSE(picture("chart-structure") == without_masked);
    expect_sound(kCharts);
}

TEST_F(HtmlCheck, IsReadableWithoutEyes) {
    show(analysis::testing::random_campaign(1, 50, 500), 1280, "light");
    EXPECT_EQ(browser_->evaluate("document.querySelectorAll('h1').length"), 1);
    EXPECT_EQ(browser_->evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
                                 ".every((level, i, all) => i === 0 || level <= all[i - 1] + 1)"),
              true);
    EXPECT_EQ(browser_->evaluate("[...document.querySelectorAll('table')].every(t => t.caption && "
                                 "t.caption.textContent.length > 10 && t.querySelector('th[scope=col]') && "
                                 "t.querySelector('th[scope=row]'))"),
              true);
    EXPECT_EQ(
        browser_->evaluate("[...document.querySelectorAll('canvas')].every(c => "
                           "c.getAttribute('role') === 'img' && c.getAttribute('aria-label').length > 20)"),
        true);
    EXPECT_EQ(browser_->evaluate(
                  "[...document.querySelectorAll('select, input')].every(c => c.labels.length === 1)"),
              true);
    EXPECT_EQ(browser_->evaluate("document.documentElement.lang"), "en");
}

TEST_F(HtmlCheck, HostileNamesStayText) {
    Campaign campaign = analysis::testing::random_campaign(1, 50, 500);
    const std::string hostile =
        "</script><script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\">";
    campaign.header.policies[2].name = hostile;
    campaign.header.workload = hostile;
    campaign.header.layer_names[1] = hostile;
    for (const int width : {1280, 400}) {
        show(campaign, width, "light");
        expect_sound(kCharts);
        EXPECT_NE(browser_->evaluate("document.title"), "hit");
        EXPECT_EQ(browser_->evaluate("document.querySelectorAll('img').length"), 0);
        EXPECT_EQ(browser_->evaluate("document.getElementById('select-policy').options[2].text"), hostile);
    }
}

TEST_F(HtmlCheck, ManyLongNamesDoNotWidenThePage) {
    Campaign campaign = analysis::testing::random_campaign(1, 50, 500);
    for (campaign::PolicyRow& policy : campaign.header.policies) {
        policy.name += "_with_a_name_that_is_much_longer_than_any_column_of_a_narrow_page";
    }
    campaign.header.workload = "ResNet_" + std::string(120, 'x');
    show(campaign, 400, "dark");
    expect_sound(kCharts);
}

TEST_F(HtmlCheck, ResultsWithoutFaultsShowAPage) {
    Campaign campaign = analysis::testing::tiny_campaign();
    campaign.faults.clear();
    show(campaign, 400, "light");
    expect_sound(kCharts);
}

}  // namespace
