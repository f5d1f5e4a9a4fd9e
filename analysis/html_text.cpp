#include "analysis/html_text.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace fluence::analysis {

namespace {

// Replaces bytes that are not UTF-8 by U+FFFD, as nlohmann/json does when it writes them.
std::string valid_utf8(const std::string& text) {
    const nlohmann::json value = text;
    return nlohmann::json::parse(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
        .get<std::string>();
}

const char* entity_of(char c) {
    switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&#39;";
        default:
            return nullptr;
    }
}

}  // namespace

std::string html_escaped(const std::string& text) {
    std::string result;
    for (const char c : valid_utf8(text)) {
        const char* entity = entity_of(c);
        const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
        if (entity != nullptr) {
            result += entity;
        } else if (control) {
            result += "\xEF\xBF\xBD";
        } else {
            result += c;
        }
    }
    return result;
}

std::string script_safe(const std::string& json) {
    std::string result;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (c == '<' || c == '>' || c == '&') {
            char escape[7];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            result += escape;
        } else if (json.compare(i, 3, "\xE2\x80\xA8") == 0 || json.compare(i, 3, "\xE2\x80\xA9") == 0) {
            result += json[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
            i += 2;
        } else {
            result += c;
        }
    }
    return result;
}

std::string filled(std::string_view page, const std::map<std::string, std::string>& values) {
    std::string result;
    std::size_t at = 0;
    for (std::size_t open = page.find("{{"); open != std::string_view::npos; open = page.find("{{", at)) {
        const std::size_t close = page.find("}}", open);
        if (close == std::string_view::npos) {
            throw std::logic_error("page template: {{ without }}");
        }
        const std::string name(page.substr(open + 2, close - open - 2));
        const auto value = values.find(name);
        if (value == values.end()) {
            throw std::logic_error("page template: no value for " + name);
        }
        result += page.substr(at, open - at);
        result += value->second;
        at = close + 2;
    }
    return result + std::string(page.substr(at));
}

}  // namespace fluence::analysis
