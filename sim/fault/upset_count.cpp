#include "sim/fault/upset_count.h"

namespace fluence::fault {
namespace {

constexpr double kMaxMean = kMostUpsets;
constexpr double kMaxRate = 1e30, kMaxClock = 1e12;

// Numbers above 0, up to `most`.
std::vector<double> parse_numbers(JsonObject& object, const char* key, double most,
                                  const std::string& valid) {
    std::vector<double> numbers;
    const nlohmann::json& list = object.raw(key);
    if (!list.is_array()) {
        object.fail(key, "is no list", "a list of " + valid);
    }
    for (const nlohmann::json& value : list) {
        if (!value.is_number() || value.get<double>() <= 0 || value.get<double>() > most) {
            object.fail(key, "has " + value.dump(), valid);
        }
        numbers.push_back(value.get<double>());
    }
    return numbers;
}

UpsetCount parse_poisson(JsonObject object) {
    UpsetCount upsets;
    const bool mean = object.has("mean"), rate = object.has("rate_fit_per_mbit");
    if (mean == rate) {
        object.fail("mean",
                    std::string(mean ? "is there besides" : "is missing, and so is") + " rate_fit_per_mbit",
                    "one of them");
    }
    if (mean) {
        upsets.mean = object.number("mean", 1e-30, kMaxMean);
    } else {
        upsets.rate_fit_per_mbit = object.number("rate_fit_per_mbit", 0, kMaxRate);
        upsets.clock_hz = object.number_or("clock_hz", 0, 0, kMaxClock);
    }
    upsets.most = static_cast<int>(object.integer_or("most", 0, 0, kMostUpsets));
    if (object.has("means")) {
        upsets.means =
            parse_numbers(object, "means", kMaxMean, "numbers above 0, up to " + std::to_string(kMostUpsets));
    }
    object.finish();
    return upsets;
}

UpsetCount parse_rates(JsonObject object) {
    UpsetCount upsets;
    upsets.error_rate = object.number("error_rate", 1e-30, 1);
    upsets.most = static_cast<int>(object.integer_or("most", 0, 0, kMostUpsets));
    if (object.has("error_rates")) {
        upsets.error_rates = parse_numbers(object, "error_rates", 1, "probabilities above 0");
    }
    object.finish();
    return upsets;
}

void parse_count(JsonObject& object, UpsetCount& upsets, UpsetCount (*parse_law)(JsonObject)) {
    if (!object.has("upsets")) {
        return;
    }
    if (object.raw("upsets").is_object()) {
        upsets = parse_law(object.object("upsets"));
    } else {
        upsets.fixed = static_cast<int>(object.integer("upsets", 1, kMostUpsets));
    }
}

}  // namespace

void parse_upsets(JsonObject& object, UpsetCount& upsets) {
    parse_count(object, upsets, parse_poisson);
}

void parse_error_count(JsonObject& object, UpsetCount& upsets) {
    parse_count(object, upsets, parse_rates);
}

nlohmann::json upsets_json(const UpsetCount& upsets) {
    if (!upsets.poisson()) {
        return upsets.fixed;
    }
    if (upsets.error_rate) {
        return {
            {"error_rate", *upsets.error_rate}, {"most", upsets.most}, {"error_rates", upsets.error_rates}};
    }
    nlohmann::json value = {{"most", upsets.most}, {"means", upsets.means}};
    if (upsets.mean) {
        value["mean"] = *upsets.mean;
    } else {
        value["rate_fit_per_mbit"] = *upsets.rate_fit_per_mbit;
        value["clock_hz"] = upsets.clock_hz;
    }
    return value;
}

}  // namespace fluence::fault
