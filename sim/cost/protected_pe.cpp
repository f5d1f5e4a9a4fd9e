#include "sim/cost/protected_pe.h"

#include "sim/cost/ecc.h"
#include "sim/cost/logic.h"

namespace fluence::cost {
namespace {

UnitCost operator+(UnitCost a, const UnitCost& b) {
    return {a.area + b.area, a.flipflops + b.flipflops};
}

UnitCost logic(GateEquivalents area) {
    return {area, 0};
}
UnitCost always_loaded(int bits) {
    return {flipflops(bits), bits};
}
UnitCost with_enable(int bits) {
    return {enabled_flipflops(bits), bits};
}

UnitCost copies(int count, const UnitCost& one) {
    return {one.area * count, one.flipflops * count};
}

// Hsiao code of a word: encoder and decoder.
UnitCost hsiao_codec(int bits) {
    const int check = hamming_check_bits(bits) + 1;
    return logic(syndrome_encoder(hsiao_ones(bits), check) + secded_decoder(hsiao_ones(bits), bits, check));
}
int hsiao_check_bits(int bits) {
    return hamming_check_bits(bits) + 1;
}

}  // namespace

UnitCost protected_pe_base(int width, int acc) {
    return {pe_weight_stationary(width, acc), 2 * width + acc};
}

UnitCost protected_pe_parity(int width, int acc) {
    constexpr double kOr3 = 1.667;
    UnitCost cost = protected_pe_base(width, acc) + with_enable(1) + always_loaded(2);
    for (const int bits : {width, width, acc}) {
        cost = cost + logic(parity_generator(bits) + parity_checker(bits));
    }
    return cost + logic(GateEquivalents(kOr3));
}

UnitCost protected_pe_secded(int width, int acc, PeRegisters registers) {
    UnitCost cost = protected_pe_base(width, acc);
    if (registers.weight) {
        cost = cost + with_enable(hsiao_check_bits(width)) + hsiao_codec(width);
    }
    if (registers.activation) {
        cost = cost + always_loaded(hsiao_check_bits(width)) + hsiao_codec(width);
    }
    if (registers.sum) {
        cost = cost + always_loaded(hsiao_check_bits(acc)) + hsiao_codec(acc);
    }
    return cost;
}

UnitCost protected_pe_tmr_registers(int width, int acc, PeRegisters registers) {
    UnitCost cost = protected_pe_base(width, acc);
    if (registers.weight) {
        cost = cost + with_enable(2 * width) + logic(majority_voter(width));
    }
    if (registers.activation) {
        cost = cost + always_loaded(2 * width) + logic(majority_voter(width));
    }
    if (registers.sum) {
        cost = cost + always_loaded(2 * acc) + logic(majority_voter(acc));
    }
    return cost;
}

UnitCost protected_pe_tmr(int width, int acc) {
    return copies(3, protected_pe_base(width, acc)) + logic(majority_voter(width + acc));
}

UnitCost protected_pe_dmr(int width, int acc) {
    return copies(2, protected_pe_base(width, acc)) + logic(equality_comparator(width + acc));
}

}  // namespace fluence::cost
