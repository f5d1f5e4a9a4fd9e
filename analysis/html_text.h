// Escaping and filling of HTML.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace fluence::analysis {

// For element content and quoted attributes: & < > " ' and what is not valid UTF-8 text (control
// characters, damaged sequences) replaced, so that any name is inert.
std::string html_escaped(const std::string& text);

// JSON text for a <script> element: < > & and the line separators U+2028, U+2029 as \u escapes, so that no
// value can end the element. The JSON stays the same value.
std::string script_safe(const std::string& json);

// Replaces each {{name}} of `page` by its value, in one pass: values are never searched. Throws
// std::logic_error for a name without a value.
std::string filled(std::string_view page, const std::map<std::string, std::string>& values);

}  // namespace fluence::analysis
