#include "sim/accel/register_dump.h"

#include "sim/array/array_model.h"
#include "sim/dataflow/registers.h"
#include "traces/upset_list.h"

namespace fluence::accel {
namespace {

std::string path_of(const ArrayConfig& array, traces::SiteKind bank, std::int64_t unit) {
    const std::string prefix = std::string("array.") + traces::name_of(bank) + ".";
    if (!traces::has_rows_and_columns(bank)) {
        return prefix + "u" + std::to_string(unit);
    }
    const bool stages = bank == traces::SiteKind::pe_product || bank == traces::SiteKind::pe_psum_stage;
    const std::int64_t pes = std::int64_t{array.rows} * array.cols;
    const std::int64_t in_stage = stages ? unit % pes : unit;
    return prefix + "r" + std::to_string(in_stage / array.cols) + "_c" +
           std::to_string(in_stage % array.cols) + (stages ? "_s" + std::to_string(unit / pes + 1) : "");
}

}  // namespace

RegisterDump::RegisterDump(const ArrayConfig& array, const std::string& pattern) {
    for (const dataflow::RegisterBank& bank : dataflow::register_banks(array)) {
        for (std::int64_t unit = 0; unit < bank.units; ++unit) {
            const std::string path = path_of(array, bank.kind, unit);
            if (traces::matches(path, pattern)) {
                signals_.push_back({path, bank.bits});
                registers_.emplace_back(bank.kind, unit);
            }
        }
    }
}

void RegisterDump::cycle(traces::Cycle t, const array::ArrayModel& array) {
    for (std::size_t i = 0; i < registers_.size(); ++i) {
        dump_->change(t, i, array.read(registers_[i].first, registers_[i].second));
    }
}

}  // namespace fluence::accel
