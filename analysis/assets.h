// Files that are part of the program: the HTML report's page. The definitions are generated from the files
// by embed.cmake.
#pragma once

#include <string_view>

namespace fluence::analysis::assets {

std::string_view chart_js();   // Chart.js, minified, with its licence line
std::string_view page_html();  // template; {{names}} are filled by report_html.cpp
std::string_view page_css();
std::string_view plugins_js();  // error bars and point labels for Chart.js
std::string_view page_js();

}  // namespace fluence::analysis::assets
