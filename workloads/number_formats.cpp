#include "workloads/number_formats.h"

#include <stdexcept>

namespace fluence::workloads {

const std::vector<DataFormatInfo>& data_formats() {
    static const std::vector<DataFormatInfo> table = {
        {DataFormat::int8, "int8",
         "8-bit codes with a scale an output channel of weights, 32-bit sums, multiplier and rounding shift"},
        {DataFormat::fxp8, "fxp8",
         "8-bit two's complement with one integer bit, a power of two a layer, 32-bit sums, rounding shift"},
    };
    return table;
}

std::vector<std::string> data_format_names() {
    std::vector<std::string> names;
    for (const DataFormatInfo& info : data_formats()) {
        names.emplace_back(info.name);
    }
    return names;
}

const char* name_of(DataFormat format) {
    for (const DataFormatInfo& info : data_formats()) {
        if (info.format == format) {
            return info.name;
        }
    }
    throw std::out_of_range("number format without a row");
}

DataFormat data_format_named(const std::string& name) {
    for (const DataFormatInfo& info : data_formats()) {
        if (info.name == name) {
            return info.format;
        }
    }
    throw std::out_of_range(name);
}

}  // namespace fluence::workloads
