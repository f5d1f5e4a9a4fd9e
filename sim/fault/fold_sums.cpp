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

std::int64_t FoldSums::struck_product(std::int32_t a, std::int32_t b, std::uint32_t mask) const {
    const std::int64_t full = std::int64_t{a} * b;
    return product_register_ ? sign_extend(static_cast<std::uint32_t>(full) ^ mask, dataflow::kProductBits)
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

void StruckFold::add(const StruckOperand& operand) {
    (operand.weight ? weights_ : activations_)[{operand.k, operand.lane}].push_back(operand);
}

void StruckFold::add(const StruckProduct& product) {
    products_[{product.m, product.n}].push_back(product);
}

void StruckFold::add(const StruckSum& sum) {
    sums_struck_[{sum.m, sum.n}].push_back(sum);
}

namespace {

// What all changes of one operand together do for one of its users: first what was read, then what was
// inverted in registers.
struct Together {
    BitChange code;
    std::uint32_t mask = 0;
};

Together changes_for(const std::vector<StruckOperand>& operands, std::int64_t user) {
    Together all;
    for (const StruckOperand& operand : operands) {
        if (user >= operand.first && user < operand.last) {
            all.code = all.code.then(operand.code);
            all.mask ^= operand.mask;
        }
    }
    return all;
}

}  // namespace

std::int32_t StruckFold::activation_read(std::int64_t m, std::int64_t k) const {
    const std::int32_t right = sums_.activation(fold_, m, k);
    const auto found = activations_.find({k, m});
    return found == activations_.end()
               ? right
               : sums_.struck_activation(fold_, right, changes_for(found->second, 0).code, 0);
}

std::int32_t StruckFold::weight_read(std::int64_t k, std::int64_t n) const {
    const std::int32_t right = sums_.weight(fold_, k, n);
    const auto found = weights_.find({k, n});
    return found == weights_.end() ? right
                                   : sums_.struck_weight(right, changes_for(found->second, 0).code, 0);
}

std::int64_t StruckFold::struck_product(std::int64_t m, std::int64_t k, std::int64_t n) const {
    std::int32_t a = sums_.activation(fold_, m, k);
    std::int32_t b = sums_.weight(fold_, k, n);
    if (const auto found = activations_.find({k, m}); found != activations_.end()) {
        const Together all = changes_for(found->second, n);
        a = sums_.struck_activation(fold_, a, all.code, all.mask);
    }
    if (const auto found = weights_.find({k, n}); found != weights_.end()) {
        const Together all = changes_for(found->second, m);
        b = sums_.struck_weight(b, all.code, all.mask);
    }
    std::uint32_t mask = 0;
    if (const auto found = products_.find({m, n}); found != products_.end()) {
        for (const StruckProduct& product : found->second) {
            mask ^= product.k == k ? product.mask : 0;
        }
    }
    return sums_.struck_product(a, b, mask);
}

// Changes of products and of sums, each where it arises, carried to the end of the sum.
std::uint32_t StruckFold::linear_change(std::int64_t m, std::int64_t n, const Point& point) const {
    std::uint32_t change = 0;
    auto term = point.terms.begin();
    const auto products_before = [&](std::int64_t end) {
        for (; term != point.terms.end() && *term < end; ++term) {
            const std::int64_t right =
                sums_.product(sums_.activation(fold_, m, *term), sums_.weight(fold_, *term, n));
            change += static_cast<std::uint32_t>(struck_product(m, *term, n) - right);
        }
    };
    for (const StruckSum& sum : point.sums) {
        products_before(sum.terms);
        const std::uint32_t held = sums_.partial(fold_, m, n, sum.terms) + change;
        change += (held ^ sum.mask) - held;
    }
    products_before(sums_.rows(fold_));
    return change;
}

std::uint32_t StruckFold::walk(std::int64_t m, std::int64_t n, const Point& point) const {
    std::uint32_t sum = 0;
    auto struck = point.sums.begin();
    auto term = point.terms.begin();
    for (std::int64_t k = 0;; ++k) {
        for (; struck != point.sums.end() && struck->terms == k; ++struck) {
            sum = sums_.extend(sum ^ struck->mask);
        }
        if (k == sums_.rows(fold_)) {
            return sum;
        }
        const bool wrong = term != point.terms.end() && *term == k;
        term += wrong ? 1 : 0;
        sum = sums_.add(sum, wrong ? struck_product(m, k, n)
                                   : sums_.product(sums_.activation(fold_, m, k), sums_.weight(fold_, k, n)));
    }
}

// Where something is wrong, by (m, n); terms and sums in order.
std::map<StruckFold::Key, StruckFold::Point> StruckFold::points() const {
    std::map<Key, Point> points;
    const auto of_operands = [&](const auto& struck) {
        for (const auto& [key, operands] : struck) {
            for (const StruckOperand& operand : operands) {
                for (std::int64_t user = operand.first; user < operand.last; ++user) {
                    const Key at = operand.weight ? Key{user, operand.lane} : Key{operand.lane, user};
                    points[at].terms.push_back(operand.k);
                }
            }
        }
    };
    of_operands(activations_);
    of_operands(weights_);
    for (const auto& [at, products] : products_) {
        for (const StruckProduct& product : products) {
            points[at].terms.push_back(product.k);
        }
    }
    for (const auto& [at, sums] : sums_struck_) {
        points[at].sums = sums;
    }
    for (auto& [at, point] : points) {
        std::sort(point.terms.begin(), point.terms.end());
        point.terms.erase(std::unique(point.terms.begin(), point.terms.end()), point.terms.end());
        std::stable_sort(point.sums.begin(), point.sums.end(),
                         [](const StruckSum& a, const StruckSum& b) { return a.terms < b.terms; });
    }
    return points;
}

std::uint32_t StruckFold::delta_at(const Key& at, const Point& point) const {
    return sums_.linear() ? linear_change(at.first, at.second, point)
                          : walk(at.first, at.second, point) - sums_.total(fold_, at.first, at.second);
}

StruckFold::Deltas StruckFold::evaluate() const {
    Deltas deltas;
    for (const auto& [at, point] : points()) {
        const std::uint32_t delta = delta_at(at, point);
        if (delta != 0) {
            deltas.emplace_back(at, delta);
        }
    }
    return deltas;
}

bool StruckFold::absorbs() const {
    const std::map<Key, Point> struck = points();
    return std::any_of(struck.begin(), struck.end(), [&](const auto& entry) {
        const Key& at = entry.first;
        const Point& point = entry.second;
        const bool off =
            !point.sums.empty() || std::any_of(point.terms.begin(), point.terms.end(), [&](std::int64_t k) {
                return struck_product(at.first, k, at.second) !=
                       sums_.product(sums_.activation(fold_, at.first, k), sums_.weight(fold_, k, at.second));
            });
        return off && delta_at(at, point) == 0;
    });
}

StruckFold::RowChanges StruckFold::row_operand_changes() const {
    std::map<Key, std::int64_t> changes;
    for (const auto& [key, operands] : activations_) {
        Together all;
        for (const StruckOperand& operand : operands) {
            all.code = all.code.then(operand.code);
            all.mask ^= operand.mask;
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
