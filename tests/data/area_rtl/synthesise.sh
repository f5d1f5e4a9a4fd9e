#!/bin/bash
# Areas of units by synthesis, one CSV line each: ./synthesise.sh NAME:WIDTH...
# Needs Yosys (Debian package yosys). NAMEs are those of `fluence list units`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
flow=${ABC_SCRIPT:-}

check_bits() {  # of a Hamming code of $1 data bits
    local r=2
    while (( (1 << r) < $1 + r + 1 )); do r=$((r + 1)); done
    echo "$r"
}

# Module and parameters of a unit.
module_of() {
    local name=$1 w=$2 r
    r=$(check_bits "$w")
    case $name in
        dff|dff_en|adder|parity_gen|parity_chk|tmr_voter|tmr_voter_flag|dmr_comparator|range_*|relu|csum_acc_seq|\
        popcount|grad_lane|grad_lane2|grad_stats|median?|prot_pe_base|prot_pe_parity|prot_pe_tmr|prot_pe_dmr)
            echo "$name W=$w" ;;
        mul_s*) echo "mul W=$w V=$w" ;;
        grad_lane_noreg) echo "grad_lane W=$w REGS=0" ;;
        hamming_sec_enc) echo "hamming_enc W=$w R=$r" ;;
        hamming_sec_dec) echo "hamming_dec W=$w R=$r" ;;
        secded_exthamming_enc) echo "hamming_enc W=$w R=$r EXT=1" ;;
        secded_exthamming_dec) echo "hamming_dec W=$w R=$r EXT=1" ;;
        secded_hsiao_enc) echo "hsiao_enc W=$w R=$((r + 1))" ;;
        secded_hsiao_dec) echo "hsiao_dec W=$w R=$((r + 1))" ;;
        prot_pe_secded_w|prot_pe_secded_all) echo "$name W=$w R=$((r + 1))" ;;
        prot_pe_tmr_weight) echo "prot_pe_tmr_some W=$w TA=0 TS=0" ;;
        prot_pe_tmr_psum) echo "prot_pe_tmr_some W=$w TW=0 TA=0" ;;
        prot_pe_tmr_regs) echo "prot_pe_tmr_some W=$w" ;;
        pe_ws_int8_acc*_merged) name=${name%_merged}; echo "pe_ws_merged W=$w ACC=${name##*acc}" ;;
        pe_ws_int8_acc*) echo "pe_ws W=$w V=$w ACC=${name##*acc}" ;;
        pe_ws_db_int8_acc*) echo "pe_ws_db W=$w ACC=${name##*acc}" ;;
        pe_os_int8_acc*) echo "pe_os W=$w ACC=${name##*acc}" ;;
        fp32_mul|fp32_add|pe_ws_fp32|bf16_mul|bf16_round|pe_ws_bf16) echo "$name" ;;
        csum_col_pe) echo "pe_ws W=$((w + 4)) V=$w ACC=36" ;;
        csum_tree_*) name=${name#csum_tree_}; echo "csum_tree W=$w N=${name%x*}" ;;
        regfile_*) name=${name#regfile_}; echo "regfile W=$w D=${name%%x*}" ;;
        shift_fifo_*) name=${name#shift_fifo_}; echo "shift_fifo W=$w D=${name%%x*}" ;;
        requant_fix_m*) echo "requant_fix W=$w MW=${name##*m}" ;;
        requant_m*) echo "requant W=$w MW=${name##*m}" ;;
        *) echo "no Verilog for $name" >&2; exit 2 ;;
    esac
}

for request in "$@"; do
    name=${request%:*} width=${request#*:}
    read -r module parameters <<<"$(module_of "$name" "$width")"
    set_parameters=""
    for p in $parameters; do set_parameters+=" -set ${p%=*} ${p#*=}"; done
    # Without -flatten before alumacc: it works in one module at a time.
    yosys -Q -p "read_verilog -I$here $here/codes.v $here/arithmetic.v $here/guards.v $here/protected_pe.v
                 read_verilog $here/floats.v
                 ${set_parameters:+chparam$set_parameters $module}
                 hierarchy -top $module
                 proc; opt; synth -top $module; flatten; opt -full; techmap; opt
                 dfflibmap -liberty $here/cells.lib
                 abc -liberty $here/cells.lib ${flow:+-script $flow}
                 opt_clean; stat -liberty $here/cells.lib" |
        awk -v name="$name" -v width="$width" '
            /^ *Chip area/ { area = $NF }
            /^ *DFF_X1 / { ffs = $2 }
            END { printf "%s,%s,%.2f,%d\n", name, width, area / 0.798, ffs }'
done
