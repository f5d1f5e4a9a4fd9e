// Strict reading of JSON: every key is asked for by name, with its range, and what nobody asked for is an
// error that lists the valid keys. A typo therefore never means 'default'.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace fluence {

// Reads and parses a JSON file. Throws InputError (file, position, reason) where it is missing or damaged.
nlohmann::json read_json_file(const std::string& path);

// One JSON object being read. `file` and `path` (for instance "array.rows") name it in errors.
// Call finish() when all keys were asked for; it throws on keys that nobody asked for.
class JsonObject {
  public:
    JsonObject(const nlohmann::json& value, std::string file, std::string path = "");

    bool has(const std::string& key);
    std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high);
    std::int64_t integer_or(const std::string& key, std::int64_t fallback, std::int64_t low,
                            std::int64_t high);
    double number(const std::string& key, double low, double high);
    double number_or(const std::string& key, double fallback, double low, double high);
    bool boolean_or(const std::string& key, bool fallback);
    std::string text(const std::string& key);
    std::string text_or(const std::string& key, const std::string& fallback);
    // A text that must be one of `valid`.
    std::string choice(const std::string& key, const std::vector<std::string>& valid);
    std::string choice_or(const std::string& key, const std::string& fallback,
                          const std::vector<std::string>& valid);
    std::vector<std::string> text_list(const std::string& key);
    JsonObject object(const std::string& key);
    // The objects of an array.
    std::vector<JsonObject> objects(const std::string& key);
    // Any value, unchecked; counts as asked for.
    const nlohmann::json& raw(const std::string& key);

    void finish() const;

    // "path.key" for messages, and the error itself for checks the caller makes.
    std::string key_path(const std::string& key) const;
    [[noreturn]] void fail(const std::string& key, const std::string& reason,
                           const std::string& valid = "") const;

    const std::string& file() const { return file_; }
    const std::string& path() const { return path_; }

  private:
    const nlohmann::json& require(const std::string& key);

    const nlohmann::json* value_;
    std::string file_;
    std::string path_;
    std::set<std::string> known_;
};

}  // namespace fluence
