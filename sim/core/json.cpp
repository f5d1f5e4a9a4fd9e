#include "sim/core/json.h"

#include <cmath>
#include <fstream>

#include "sim/core/error.h"
#include "sim/core/text.h"

namespace fluence {
namespace {

std::string range(const std::string& low, const std::string& high) {
    return low + " to " + high;
}

std::string shown(double value) {
    return nlohmann::json(value).dump();
}

}  // namespace

nlohmann::json read_json_file(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        throw InputError(path, "", "cannot be opened for reading");
    }
    try {
        return nlohmann::json::parse(stream);
    } catch (const nlohmann::json::parse_error& error) {
        throw InputError(path, "byte " + std::to_string(error.byte), "is not valid JSON");
    } catch (const nlohmann::json::out_of_range&) {
        throw InputError(path, "", "holds a number beyond those of 64 bits");
    }
}

JsonObject::JsonObject(const nlohmann::json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {
    if (!value.is_object()) {
        throw InputError(file_, path_, std::string("is ") + value.type_name() + " where an object is needed");
    }
}

std::string JsonObject::key_path(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
}

void JsonObject::fail(const std::string& key, const std::string& reason, const std::string& valid) const {
    throw InputError(file_, key_path(key), reason, valid);
}

bool JsonObject::has(const std::string& key) {
    known_.insert(key);
    return value_->contains(key);
}

const nlohmann::json& JsonObject::require(const std::string& key) {
    if (!has(key)) {
        fail(key, "is missing");
    }
    return (*value_)[key];
}

std::int64_t JsonObject::integer(const std::string& key, std::int64_t low, std::int64_t high) {
    const nlohmann::json& value = require(key);
    const std::string valid = range(std::to_string(low), std::to_string(high));
    const bool too_large =
        value.is_number_unsigned() &&
        value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!value.is_number_integer() || too_large) {
        fail(key, "is " + value.dump() + " where an integer is needed", valid);
    }
    const auto number = value.get<std::int64_t>();
    if (number < low || number > high) {
        fail(key, "is " + std::to_string(number), valid);
    }
    return number;
}

std::int64_t JsonObject::integer_or(const std::string& key, std::int64_t fallback, std::int64_t low,
                                    std::int64_t high) {
    return has(key) ? integer(key, low, high) : fallback;
}

double JsonObject::number(const std::string& key, double low, double high) {
    const nlohmann::json& value = require(key);
    const std::string valid = range(shown(low), shown(high));
    if (!value.is_number()) {
        fail(key, "is " + value.dump() + " where a number is needed", valid);
    }
    const auto number = value.get<double>();
    if (!std::isfinite(number) || number < low || number > high) {
        fail(key, "is " + shown(number), valid);
    }
    return number;
}

double JsonObject::number_or(const std::string& key, double fallback, double low, double high) {
    return has(key) ? number(key, low, high) : fallback;
}

bool JsonObject::boolean_or(const std::string& key, bool fallback) {
    if (!has(key)) {
        return fallback;
    }
    const nlohmann::json& value = require(key);
    if (!value.is_boolean()) {
        fail(key, "is " + value.dump(), "true, false");
    }
    return value.get<bool>();
}

std::string JsonObject::text(const std::string& key) {
    const nlohmann::json& value = require(key);
    if (!value.is_string()) {
        fail(key, "is " + value.dump() + " where a text is needed");
    }
    return value.get<std::string>();
}

std::string JsonObject::text_or(const std::string& key, const std::string& fallback) {
    return has(key) ? text(key) : fallback;
}

std::string JsonObject::choice(const std::string& key, const std::vector<std::string>& valid) {
    std::string value = text(key);
    for (const std::string& candidate : valid) {
        if (value == candidate) {
            return value;
        }
    }
    fail(key, "is \"" + value + "\"", comma_list(valid));
}

std::string JsonObject::choice_or(const std::string& key, const std::string& fallback,
                                  const std::vector<std::string>& valid) {
    return has(key) ? choice(key, valid) : fallback;
}

std::vector<std::string> JsonObject::text_list(const std::string& key) {
    const nlohmann::json& value = require(key);
    std::vector<std::string> list;
    if (!value.is_array()) {
        fail(key, "is " + value.dump() + " where a list of texts is needed");
    }
    for (const nlohmann::json& item : value) {
        if (!item.is_string()) {
            fail(key, "holds " + item.dump() + " where a text is needed");
        }
        list.push_back(item.get<std::string>());
    }
    return list;
}

JsonObject JsonObject::object(const std::string& key) {
    return JsonObject(require(key), file_, key_path(key));
}

std::vector<JsonObject> JsonObject::objects(const std::string& key) {
    const nlohmann::json& value = require(key);
    if (!value.is_array()) {
        fail(key, "is " + value.dump() + " where a list of objects is needed");
    }
    std::vector<JsonObject> list;
    for (std::size_t i = 0; i < value.size(); ++i) {
        list.emplace_back(value[i], file_, key_path(key) + "[" + std::to_string(i) + "]");
    }
    return list;
}

const nlohmann::json& JsonObject::raw(const std::string& key) {
    return require(key);
}

void JsonObject::finish() const {
    for (const auto& item : value_->items()) {
        if (known_.count(item.key()) == 0) {
            fail(item.key(), "is not a known key", comma_list({known_.begin(), known_.end()}));
        }
    }
}

}  // namespace fluence
