// The table of number formats in which a network can be imported and executed. docs/formats-numbers.md
// defines them.
#pragma once

#include <string>
#include <vector>

namespace fluence::workloads {

enum class DataFormat {
    int8,  // codes with free scales, requantised by multiplier and shift
    fxp8,  // two's complement with one integer bit and power-of-two scales, requantised by a shift
};

struct DataFormatInfo {
    DataFormat format;
    const char* name;
    const char* summary;  // one line
};

const std::vector<DataFormatInfo>& data_formats();
std::vector<std::string> data_format_names();
const char* name_of(DataFormat format);
DataFormat data_format_named(const std::string& name);  // throws std::out_of_range

}  // namespace fluence::workloads
