#include "analysis/path_text.h"

#include <algorithm>

#include "analysis/format.h"

namespace fluence::analysis {
namespace {

using campaign::FaultPath;
using campaign::FoldPhase;
using campaign::HeldKind;
using campaign::HeldValue;
using campaign::LayerPath;
using campaign::Macs;
using campaign::Span;
using campaign::StruckSite;
using fault::DeadReason;

std::string counted(std::int64_t count, const std::string& noun) {
    return thousands(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string range(const Span& span) {
    return span.size() == 1 ? std::to_string(span.first)
                            : std::to_string(span.first) + "-" + std::to_string(span.last);
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
    std::string line;
    for (const std::string& part : parts) {
        line += (line.empty() ? "" : separator) + part;
    }
    return line;
}

// "channel 3, row 4, column 5", or "3" where there are channels alone.
std::string position(const workloads::Shape& shape, std::int64_t element) {
    if (shape.plane() == 1) {
        return std::to_string(element);
    }
    return "channel " + std::to_string(element / shape.plane()) + ", row " +
           std::to_string(element % shape.plane() / shape.width) + ", column " +
           std::to_string(element % shape.width);
}

std::string change(std::int64_t before, std::int64_t after) {
    return std::to_string(before) + " -> " + std::to_string(after);
}

const char* meaning(DeadReason reason) {
    switch (reason) {
        case DeadReason::none:
            return "";
        case DeadReason::absent:
            return "the struck cell does not exist under this policy";
        case DeadReason::idle:
            return "the site held no value";
        case DeadReason::overwritten:
            return "the value was written anew before anything read it";
        case DeadReason::never_read:
            return "nothing read the value again";
        case DeadReason::padding:
            return "the struck bits belong to no value";
        case DeadReason::corrected:
            return "a code corrected it on every read";
        case DeadReason::no_effect:
            return "it was read, and the arithmetic absorbed it";
    }
    return "";
}

class Teller {
  public:
    Teller(const FaultPath& path, const workloads::Graph& graph, const traces::Timeline& timeline)
        : path_(path), graph_(graph), timeline_(timeline) {}

    std::string text();

  private:
    void line(const std::string& content) { text_ += content + "\n"; }
    const workloads::Layer& layer(std::int32_t index) const {
        return graph_.layers[static_cast<std::size_t>(index)];
    }
    const workloads::Shape& output_shape(std::int32_t index) const {
        return graph_.tensor(layer(index).output).shape;
    }

    void head();
    void struck(const StruckSite& site);
    std::string site_name(const StruckSite& site) const;
    std::string fold_line(const StruckSite& site) const;
    std::string held(const HeldValue& value) const;
    std::string reads(const StruckSite& site, const Macs& macs) const;
    void word_uses(const StruckSite& site);
    void layer_path(const LayerPath& path);
    void vanished();
    void logits();
    void outcome();

    const FaultPath& path_;
    const workloads::Graph& graph_;
    const traces::Timeline& timeline_;
    std::string text_;
};

void Teller::head() {
    std::string label = path_.label < 0 ? "" : ", label " + std::to_string(path_.label);
    line(path_.id + ": " + graph_.name + ", image " + std::to_string(path_.image) + label + ", policy " +
         path_.policy);
}

std::string Teller::site_name(const StruckSite& site) const {
    std::string name = traces::name_of(site.upset.site);
    if (site.upset.site == traces::SiteKind::weight) {
        return name + " " + std::to_string(site.upset.unit) + " of " + layer(site.upset.layer).name;
    }
    if (traces::is_disturbance(site.upset.site)) {
        return name + " of " + layer(site.upset.layer).name + ", stream " + std::to_string(site.upset.unit);
    }
    if (traces::is_value(site.upset.site)) {
        return name + " of " + layer(site.upset.layer).name + ", " +
               position(output_shape(site.upset.layer), site.upset.unit);
    }
    if (site.row < 0 && site.col < 0) {
        return name + ", word " + std::to_string(site.upset.unit);
    }
    if (site.upset.site == traces::SiteKind::array_skew) {
        return name + ", register " + std::to_string(site.upset.unit) +
               (site.row >= 0 ? " (of row " + std::to_string(site.row)
                              : " (of column " + std::to_string(site.col)) +
               ")";
    }
    return name + ", row " + std::to_string(site.row) + ", column " + std::to_string(site.col) +
           (site.stage > 0 ? ", stage " + std::to_string(site.stage) : "");
}

std::string Teller::fold_line(const StruckSite& site) const {
    const traces::Fold& fold = timeline_.folds[static_cast<std::size_t>(site.fold)];
    std::string phase;
    switch (site.phase) {
        case FoldPhase::none:
            break;
        case FoldPhase::preload:
            phase = ", before its stream begins";
            break;
        case FoldPhase::stream:
            phase = ", while it streams";
            break;
        case FoldPhase::drain:
            phase = ", behind its last operand";
            break;
    }
    return "fold " + std::to_string(site.fold) + " of " + layer(site.layer).name + " (group " +
           std::to_string(fold.group) + ", m " +
           range({fold.first_pixel, fold.first_pixel + fold.pixels - 1}) + ", k " +
           range({fold.first_k, fold.first_k + fold.terms - 1}) + ", n " +
           range({fold.first_n, fold.first_n + fold.channels - 1}) + "; cycles " +
           range({fold.preload, fold.end}) + ")" + phase;
}

std::string Teller::held(const HeldValue& value) const {
    const std::string values = ": " + change(value.before, value.after);
    const auto at = std::to_string(value.index);
    switch (value.kind) {
        case HeldKind::weight: {
            const workloads::GemmShape gemm = workloads::gemm_shape(graph_, layer(value.owner));
            return "the weight of " + layer(value.owner).name + " for output channel " +
                   std::to_string(value.index / gemm.k) + ", k " + std::to_string(value.index % gemm.k) +
                   values;
        }
        case HeldKind::activation: {
            const workloads::TensorInfo& tensor = graph_.tensors[static_cast<std::size_t>(value.owner)];
            return "the activation " + position(tensor.shape, value.index) + " of " + tensor.name + values;
        }
        case HeldKind::padding:
            return "a zero, of the padding or of an unused row" + values;
        case HeldKind::sum:
            return "the sum over k " + range(value.k) + " for output " +
                   position(output_shape(value.owner), value.index) + " of " + layer(value.owner).name +
                   values;
        case HeldKind::product:
            return "the product k " + range(value.k) + " for output " +
                   position(output_shape(value.owner), value.index) + " of " + layer(value.owner).name +
                   values;
        case HeldKind::bias:
            return "bias " + at + " of " + layer(value.owner).name + values;
        case HeldKind::multiplier:
            return "multiplier " + at + " of " + layer(value.owner).name + values;
        case HeldKind::shift:
            return "shift " + at + " of " + layer(value.owner).name + values;
        case HeldKind::neuron:
            return "the output code" + values;
    }
    return "";
}

std::string Teller::reads(const StruckSite& site, const Macs& macs) const {
    const bool cycles = macs.first_cycle != macs.last_cycle;
    const std::string when = (site.filled_by >= 0 ? ", out of the buffer in cycle" : ", in cycle") +
                             std::string(cycles ? "s " : " ") + range({macs.first_cycle, macs.last_cycle});
    const std::string group = layer(macs.layer).groups > 1 ? ", group " + std::to_string(macs.group) : "";
    return "Read by " + counted(macs.count, "MAC") + " of " + layer(macs.layer).name + group + ": m " +
           range(macs.m) + ", k " + range(macs.k) + ", n " + range(macs.n) + when + ".";
}

void Teller::word_uses(const StruckSite& site) {
    if (site.filled_by >= 0) {
        const traces::Load& load = timeline_.loads[static_cast<std::size_t>(site.filled_by)];
        line(std::string("    Written there by ") + (load.kept ? "the layer before, for " : "a load for ") +
             layer(static_cast<std::int32_t>(load.layer)).name + ", at cycle " + std::to_string(site.filled) +
             ".");
    }
    for (std::size_t i = 0; i < std::min(site.loads.size(), campaign::kShownChanges); ++i) {
        const traces::Load& load = timeline_.loads[static_cast<std::size_t>(site.loads[i].load)];
        line("    Loaded for " + layer(static_cast<std::int32_t>(load.layer)).name + " into the " +
             (load.to_vector_unit ? "vector unit" : fluence::name_of(load.buffer)) + ", read in cycle " +
             std::to_string(site.loads[i].cycle) + ".");
    }
    if (site.loads.size() > campaign::kShownChanges) {
        line("    And by " +
             counted(static_cast<std::int64_t>(site.loads.size() - campaign::kShownChanges), "later load") +
             ".");
    }
    if (site.passes > 0) {
        line("    Read by " + (site.passes == 1 ? "1 pass" : thousands(site.passes) + " passes") +
             " of the vector unit, the first in cycle " + std::to_string(site.first_pass_cycle) + ".");
    }
}

void Teller::struck(const StruckSite& site) {
    if (traces::is_disturbance(site.upset.site)) {
        const bool dropout = site.upset.site == traces::SiteKind::neuron_dropout;
        line("  Struck: " + site_name(site) + (dropout ? ", probability " : ", standard deviation ") +
             shortest(traces::level_of(site.upset)) + (dropout ? "" : " codes"));
        return;
    }
    std::vector<std::string> bits;
    for (std::size_t bit = 0; bit < kMaxWordBits; ++bit) {
        if (site.upset.bits[bit]) {
            bits.push_back(std::to_string(bit));
        }
    }
    if (site.upset.held != traces::Held::no) {
        line("  Held: " + site_name(site) + ", bit" + (bits.size() == 1 ? " " : "s ") + joined(bits, ", ") +
             " at " + (site.upset.held == traces::Held::at_1 ? "1" : "0") + " from cycle " +
             std::to_string(site.upset.cycle) + " on");
        return;
    }
    const bool timed = !traces::is_value(site.upset.site);
    line("  Struck: " + site_name(site) + ", bit" + (bits.size() == 1 ? " " : "s ") + joined(bits, ", ") +
         (timed ? ", cycle " + std::to_string(site.upset.cycle) : ""));
    if (site.fold >= 0) {
        line("    During " + fold_line(site) + ".");
    }
    for (const HeldValue& value : site.held) {
        line("    Held " + held(value) + ".");
    }
    if (site.held.empty()) {
        line(site.known                                  ? "    The struck bits hold no value that is used."
             : traces::is_request_state(site.upset.site) ? "    State of the unit at the inference end."
             : traces::is_unit_state(site.upset.site)
                 ? "    State of the checksum column or of the vector unit."
                 : "    A register of the travelling control or of its chains.");
    }
    word_uses(site);
    for (const Macs& macs : site.reads) {
        line("    " + reads(site, macs));
    }
}

void Teller::layer_path(const LayerPath& path) {
    const workloads::Shape& shape = output_shape(path.layer);
    std::vector<std::string> causes;
    const auto cause = [&](std::int64_t count, const std::string& noun) {
        if (count > 0) {
            causes.push_back(counted(count, noun));
        }
    };
    cause(path.sums, "accumulator");
    cause(path.operands, "operand");
    cause(path.parameters, "parameter");
    cause(path.flipped_outputs, "output");
    cause(path.disturbed_outputs, "disturbed output");
    std::string text = "    " + layer(path.layer).name + ": ";
    if (!causes.empty()) {
        text += joined(causes, ", ") + " off";
        std::vector<std::string> sums;
        for (const campaign::SumChange& sum : path.first_sums) {
            sums.push_back(position(shape, sum.element) + (sum.delta < 0 ? ": " : ": +") +
                           std::to_string(sum.delta));
        }
        if (!sums.empty()) {
            text += " (" + joined(sums, "; ") +
                    (path.sums > static_cast<std::int64_t>(sums.size()) ? "; ..." : "") + ")";
        }
        text += "; ";
    }
    if (path.forced_outputs > 0) {
        text += counted(path.forced_outputs, "output") + " set by the policy; ";
    }
    if (path.changed == 0) {
        line(text + "no output code changes: masked here.");
        return;
    }
    std::vector<std::string> codes;
    for (const campaign::CodeChange& code : path.first_changes) {
        codes.push_back(position(shape, code.element) + ": " + change(code.golden, code.faulty));
    }
    line(text + counted(path.changed, "output code") + (path.changed == 1 ? " changes" : " change") + " (" +
         joined(codes, "; ") + (path.changed > static_cast<std::int64_t>(codes.size()) ? "; ..." : "") +
         ").");
}

// The last layer that changed, where the logits did not.
void Teller::vanished() {
    if (path_.last_changed_layer < 0 || path_.result.logits != path_.golden_logits) {
        return;
    }
    line("    Masked behind " + layer(path_.last_changed_layer).name + ": no later layer's codes differ.");
}

void Teller::logits() {
    if (path_.result.flags.aborted) {
        line("  Aborted: there are no logits.");
        return;
    }
    if (path_.result.logits == path_.golden_logits) {
        line("  Logits: identical.");
        return;
    }
    const std::int32_t before = campaign::top1(path_.golden_logits);
    const std::int32_t after = campaign::top1(path_.result.logits);
    std::int64_t changed = 0;
    for (std::size_t i = 0; i < path_.golden_logits.size(); ++i) {
        changed += path_.golden_logits[i] != path_.result.logits[i] ? 1 : 0;
    }
    line("  Logits: " + std::to_string(changed) + " of " + std::to_string(path_.golden_logits.size()) +
         " differ; top-1 " +
         (before == after ? "stays " + std::to_string(before) : "was " + change(before, after)) + ".");
}

void Teller::outcome() {
    std::string text = std::string("  Outcome: ") + name_of(path_.result.outcome);
    if (path_.result.dead != DeadReason::none) {
        text += std::string(" (") + name_of(path_.result.dead) + ": " + meaning(path_.result.dead) + ")";
    }
    std::vector<std::string> flags;
    const campaign::PolicyFlags& set = path_.result.flags;
    for (const auto& [is_set, name] :
         {std::pair(set.corrected, "corrected"), std::pair(set.detected, "detected"),
          std::pair(set.suppressed, "suppressed"), std::pair(set.aborted, "aborted")}) {
        if (is_set) {
            flags.emplace_back(name);
        }
    }
    text += flags.empty() ? "" : "; flags " + joined(flags, ", ");
    text += path_.recovery_cycles > 0 ? "; " + counted(path_.recovery_cycles, "cycle") + " of recovery" : "";
    text += path_.result.runs > 1
                ? "; run " + std::to_string(path_.result.runs) + " times, " +
                      counted(path_.result.cycles, "cycle") + " in all; told is the last run"
                : "";
    line(text + ".");
}

std::string Teller::text() {
    head();
    for (const StruckSite& site : path_.struck) {
        struck(site);
    }
    if (!path_.layers.empty()) {
        line("  Changed:");
    }
    for (const LayerPath& layer : path_.layers) {
        layer_path(layer);
    }
    vanished();
    logits();
    outcome();
    return std::move(text_);
}

}  // namespace

std::string path_text(const FaultPath& path, const workloads::Graph& graph,
                      const traces::Timeline& timeline) {
    return Teller(path, graph, timeline).text();
}

}  // namespace fluence::analysis
