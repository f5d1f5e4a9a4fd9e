// What upsets leave wrong inside one fold, and the sums that come of it, for any arithmetic of the array.
//
// All positions m, k, n count inside the fold. A reduction row that the fold does not use (k ≥ Fold::terms,
// where operands stay in the array) multiplies zeros, which upsets may change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/core/wide_bits.h"
#include "sim/fault/bit_change.h"
#include "traces/timeline.h"

namespace fluence::fault {

// A[m,k] is wrong for channels n in [first, last), or B[k,n] for pixels m in [first, last).
struct StruckOperand {
    std::int32_t fold = 0;
    bool weight = false;
    std::int64_t k = 0;
    std::int64_t lane = 0;  // m of an activation, n of a weight
    std::int64_t first = 0, last = 0;
    BitChange code;          // as it was read from the buffer
    std::uint32_t mask = 0;  // bits inverted in an operand register, behind that
};
struct StruckProduct {
    std::int32_t fold = 0;
    std::int64_t m = 0, k = 0, n = 0;
    WideBits mask = 0;
};
// The sum for (m, n) behind its first `terms` products.
struct StruckSum {
    std::int32_t fold = 0;
    std::int64_t m = 0, n = 0;
    std::int64_t terms = 0;
    WideBits mask = 0;
};

// What all changes of one operand together do: first what was read, then what was inverted in registers.
struct CombinedChange {
    BitChange code;
    std::uint32_t mask = 0;

    void add(const StruckOperand& operand) {
        code = code.then(operand.code);
        mask ^= operand.mask;
    }
};

// Sums: Operand, Product, Sum; activation(fold, m, k) and weight(fold, k, n); struck_activation(fold,
// operand, change, mask) and struck_weight(operand, change, mask): the operand as it is multiplied;
// struck_product(a, b, mask); struck_sum(sum, mask); add(sum, product); rows(fold): how many products are
// added to a sum, which starts from Sum{}.
template <class Sums>
class StruckPoints {
  public:
    using Operand = typename Sums::Operand;
    using Product = typename Sums::Product;
    using Sum = typename Sums::Sum;
    using Key = std::pair<std::int64_t, std::int64_t>;
    struct Point {
        std::vector<std::int64_t> terms;  // whose products may be wrong
        std::vector<StruckSum> sums;
    };
    using Operands = std::map<Key, std::vector<StruckOperand>>;  // by (k, lane)

    // Keeps references.
    StruckPoints(const Sums& sums, const traces::Fold& fold) : sums_(sums), fold_(fold) {}

    void add(const StruckOperand& operand) {
        (operand.weight ? weights_ : activations_)[{operand.k, operand.lane}].push_back(operand);
    }
    void add(const StruckProduct& product) { products_[{product.m, product.n}].push_back(product); }
    void add(const StruckSum& sum) { sums_struck_[{sum.m, sum.n}].push_back(sum); }

    const Operands& activations() const { return activations_; }
    const Operands& weights() const { return weights_; }

    // Where something is wrong, by (m, n); terms and sums in order.
    std::map<Key, Point> points() const {
        std::map<Key, Point> points;
        add_users(activations_, points);
        add_users(weights_, points);
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

    Product struck_product(std::int64_t m, std::int64_t k, std::int64_t n) const {
        Operand a = sums_.activation(fold_, m, k);
        Operand b = sums_.weight(fold_, k, n);
        if (const auto found = activations_.find({k, m}); found != activations_.end()) {
            const CombinedChange all = changes_for(found->second, n);
            a = sums_.struck_activation(fold_, a, all.code, all.mask);
        }
        if (const auto found = weights_.find({k, n}); found != weights_.end()) {
            const CombinedChange all = changes_for(found->second, m);
            b = sums_.struck_weight(b, all.code, all.mask);
        }
        WideBits mask = 0;
        if (const auto found = products_.find({m, n}); found != products_.end()) {
            for (const StruckProduct& product : found->second) {
                mask ^= product.k == k ? product.mask : 0;
            }
        }
        return sums_.struck_product(a, b, mask);
    }

    // The sum of a point, product by product.
    Sum walk(const Key& at, const Point& point) const {
        const auto [m, n] = at;
        Sum sum{};
        auto struck = point.sums.begin();
        auto term = point.terms.begin();
        for (std::int64_t k = 0;; ++k) {
            for (; struck != point.sums.end() && struck->terms == k; ++struck) {
                sum = sums_.struck_sum(sum, struck->mask);
            }
            if (k == sums_.rows(fold_)) {
                return sum;
            }
            const bool wrong = term != point.terms.end() && *term == k;
            term += wrong ? 1 : 0;
            sum = sums_.add(sum, wrong ? struck_product(m, k, n)
                                       : sums_.struck_product(sums_.activation(fold_, m, k),
                                                              sums_.weight(fold_, k, n), 0));
        }
    }

    // Of the changes of an operand, those that its user `user` meets.
    static CombinedChange changes_for(const std::vector<StruckOperand>& operands, std::int64_t user) {
        CombinedChange all;
        for (const StruckOperand& operand : operands) {
            if (user >= operand.first && user < operand.last) {
                all.add(operand);
            }
        }
        return all;
    }

  private:
    static void add_users(const Operands& struck, std::map<Key, Point>& points) {
        for (const auto& [key, operands] : struck) {
            for (const StruckOperand& operand : operands) {
                for (std::int64_t user = operand.first; user < operand.last; ++user) {
                    const Key at = operand.weight ? Key{user, operand.lane} : Key{operand.lane, user};
                    points[at].terms.push_back(operand.k);
                }
            }
        }
    }

    const Sums& sums_;
    const traces::Fold& fold_;
    Operands activations_, weights_;
    std::map<Key, std::vector<StruckProduct>> products_;  // by (m, n)
    std::map<Key, std::vector<StruckSum>> sums_struck_;   // by (m, n)
};

}  // namespace fluence::fault
