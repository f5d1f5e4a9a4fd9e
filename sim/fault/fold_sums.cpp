#include "sim/fault/fold_sums.h"

#include <algorithm>
#include <tuple>

#include "sim/dataflow/registers.h"

namespace fluence::fault {

using traces::Fold;

namespace {

std::uint32_t low_bits(int width) {
    return width >= 32 ? ~std::uint32_t{0} : (std::uint32_t{1} << width) - 1;
}

std::int32_t sign_extend(std::uint32_t bits, int width) {
    const std::uint32_t sign = std::uint32_t{1} << (width - 1);
    return static_cast<std::int32_t>(((bits & low_bits(width)) ^ sign) - sign);
}

}  // namespace

FoldSums::FoldSums(const MachineView& machine, const MetTensors& tensors)
    : machine_(machine),
      tensors_(tensors),
      operand_bits_(machine.config.array.operand_bits),
      product_register_(machine.config.array.multiplier_stages > 0),
      register_(machine.config.array.accumulator_bits, machine.config.array.overflow),
      linear_(!register_.saturates() && machine.config.array.accumulator_bits == 32),
      sum_bits_(machine.config.array.accumulator_bits) {}

std::int32_t FoldSums::activation(const Fold& f, std::int64_t m, std::int64_t k) const {
    if (k >= f.terms) {
        return 0;
    }
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const std::int64_t element = layer.im2col.input_element(f.group, f.first_pixel + m, f.first_k + k);
    return element < 0 ? 0 : tensors_[index_of(layer.layer->inputs[0])][static_cast<std::size_t>(element)];
}

std::int32_t FoldSums::weight(const Fold& f, std::int64_t k, std::int64_t n) const {
    if (k >= f.terms) {
        return 0;
    }
    const MacLayer& layer = machine_.mac_layer(f.layer);
    return layer.weight(layer.channel(f.group, f.first_n + n), f.first_k + k);
}

std::int32_t FoldSums::struck_activation(const Fold& f, std::int32_t code, const BitChange& change,
                                         std::uint32_t mask) const {
    const workloads::NumberFormat format = machine_.mac_layer(f.layer).input_format;
    const std::int32_t read =
        workloads::flip_bits(format, 0, change.apply(static_cast<std::uint32_t>(code)) & 0xFF);
    const std::uint32_t bits = static_cast<std::uint32_t>(read) ^ mask;
    return operand_bits_ == 8 ? workloads::flip_bits(format, 0, bits & 0xFF)
                              : sign_extend(bits, operand_bits_);
}

std::int32_t FoldSums::struck_weight(std::int32_t code, const BitChange& change, std::uint32_t mask) const {
    const std::int32_t read = sign_extend(change.apply(static_cast<std::uint32_t>(code)), 8);
    return sign_extend(static_cast<std::uint32_t>(read) ^ mask, operand_bits_);
}

std::uint32_t FoldSums::operand_bits(std::int32_t code) const {
    return static_cast<std::uint32_t>(code) & low_bits(operand_bits_);
}

std::int64_t FoldSums::product(std::int32_t a, std::int32_t b) const {
    return struck_product(a, b, 0);
}

std::int64_t FoldSums::struck_product(std::int32_t a, std::int32_t b, WideBits mask) const {
    const std::int64_t full = std::int64_t{a} * b;
    return product_register_
               ? sign_extend(static_cast<std::uint32_t>(full) ^ static_cast<std::uint32_t>(mask),
                             dataflow::kProductBits)
               : full;
}

std::uint32_t FoldSums::register_bits(std::uint32_t sum) const {
    return sum & low_bits(sum_bits_);
}

std::uint32_t FoldSums::extend(std::uint32_t bits) const {
    return static_cast<std::uint32_t>(sign_extend(bits, sum_bits_));
}

std::uint32_t FoldSums::partial(const Fold& f, std::int64_t m, std::int64_t n, std::int64_t terms) const {
    const MacLayer& layer = machine_.mac_layer(f.layer);
    const Codes& codes = tensors_[index_of(layer.layer->inputs[0])];
    const std::int64_t channel = layer.channel(f.group, f.first_n + n);
    std::uint32_t sum = 0;
    layer.im2col.for_each_term(f.group, f.first_pixel + m, f.first_k, f.first_k + std::min(terms, f.terms),
                               [&](std::int64_t k, std::int64_t element) {
                                   const std::int32_t code = codes[static_cast<std::size_t>(element)];
                                   const std::int32_t weight = layer.weight(channel, k);
                                   sum = linear_ ? sum + static_cast<std::uint32_t>(code * weight)
                                                 : add(sum, code * weight);
                               });
    return sum;
}

std::uint32_t FoldSums::mac_output(LayerId layer, std::int64_t element) const {
    std::uint32_t sum = 0;
    machine_.for_each_fold_of(layer, element, [&](const Fold& f, std::int64_t m, std::int64_t n) {
        sum += total(f, m, n);  // the output buffer adds in 32 bits
    });
    return sum;
}

std::int32_t StruckFold::activation_read(std::int64_t m, std::int64_t k) const {
    const std::int32_t right = sums_.activation(fold_, m, k);
    const auto found = struck_.activations().find({k, m});
    return found == struck_.activations().end()
               ? right
               : sums_.struck_activation(fold_, right, Points::changes_for(found->second, 0).code, 0);
}

std::int32_t StruckFold::weight_read(std::int64_t k, std::int64_t n) const {
    const std::int32_t right = sums_.weight(fold_, k, n);
    const auto found = struck_.weights().find({k, n});
    return found == struck_.weights().end()
               ? right
               : sums_.struck_weight(right, Points::changes_for(found->second, 0).code, 0);
}

// Changes of products and of sums, each where it arises, carried to the end of the sum.
std::uint32_t StruckFold::linear_change(const Key& at, const Point& point) const {
    const auto [m, n] = at;
    std::uint32_t change = 0;
    auto term = point.terms.begin();
    const auto products_before = [&, m = m, n = n](std::int64_t end) {
        for (; term != point.terms.end() && *term < end; ++term) {
            const std::int64_t right =
                sums_.product(sums_.activation(fold_, m, *term), sums_.weight(fold_, *term, n));
            change += static_cast<std::uint32_t>(struck_.struck_product(m, *term, n) - right);
        }
    };
    for (const StruckSum& sum : point.sums) {
        products_before(sum.terms);
        const std::uint32_t held = sums_.partial(fold_, m, n, sum.terms) + change;
        change += (held ^ static_cast<std::uint32_t>(sum.mask)) - held;
    }
    products_before(sums_.rows(fold_));
    return change;
}

std::uint32_t StruckFold::delta_at(const Key& at, const Point& point) const {
    return sums_.linear() ? linear_change(at, point)
                          : struck_.walk(at, point) - sums_.total(fold_, at.first, at.second);
}

StruckFold::Deltas StruckFold::evaluate() const {
    Deltas deltas;
    for (const auto& [at, point] : struck_.points()) {
        const std::uint32_t delta = delta_at(at, point);
        if (delta != 0) {
            deltas.emplace_back(at, delta);
        }
    }
    return deltas;
}

bool StruckFold::absorbs() const {
    const std::map<Key, Point> struck = struck_.points();
    return std::any_of(struck.begin(), struck.end(), [&](const auto& entry) {
        const Key& at = entry.first;
        const Point& point = entry.second;
        const bool off =
            !point.sums.empty() || std::any_of(point.terms.begin(), point.terms.end(), [&](std::int64_t k) {
                return struck_.struck_product(at.first, k, at.second) !=
                       sums_.product(sums_.activation(fold_, at.first, k), sums_.weight(fold_, k, at.second));
            });
        return off && delta_at(at, point) == 0;
    });
}

StruckFold::RowChanges StruckFold::row_operand_changes() const {
    std::map<Key, std::int64_t> changes;
    for (const auto& [key, operands] : struck_.activations()) {
        CombinedChange all;
        for (const StruckOperand& operand : operands) {
            all.add(operand);
        }
        const std::int32_t right = sums_.activation(fold_, key.second, key.first);
        const std::int64_t change =
            std::int64_t{sums_.struck_activation(fold_, right, all.code, all.mask)} - right;
        if (change != 0) {
            changes[{key.second, key.first}] = change;
        }
    }
    return changes;
}

}  // namespace fluence::fault
