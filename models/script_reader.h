// Walks an inlined TorchScript graph and writes down its operators. Part of the implementation of
// ScriptModule::graph(); includes Torch's graph headers.
#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "models/float_graph.h"

namespace fluence::models {

class ScriptReader {
  public:
    // `source`: names the model in messages; operators that vanish are written to `report`.
    ScriptReader(std::string source, std::vector<std::string>& report);

    // `graph`: inlined, attributes frozen to constants; inputs (self, images).
    FloatGraph read(const torch::jit::Graph& graph, const workloads::Shape& input);

  private:
    using Node = torch::jit::Node;
    using Value = torch::jit::Value;
    using Ints = std::vector<std::int64_t>;

    struct Activation {
        int tensor = 0;
        bool flat = false;     // two dimensions (image, feature) in Torch, otherwise four
        bool softmax = false;  // behind a softmax, which may only stand at the end
        int groups = 0;        // channels seen as groups × channels/groups (five dimensions), 0: not
        bool swapped = false;  // and these two dimensions exchanged
    };
    using Entity = std::variant<c10::IValue, Activation, std::vector<Activation>>;
    using Handler = void (ScriptReader::*)(const Node&);
    static const std::map<std::string, Handler>& handlers();

    // script_reader.cpp: control flow, constants, names, errors.
    void read_block(const torch::jit::Block& block);
    void read_node(const Node& node);
    void read_branch(const Node& node);
    bool read_list(const Node& node);
    bool evaluate_constant(const Node& node);
    std::string place_of(const Node& node) const;
    std::string module_of(const Node& node) const;
    std::string unique_name(const std::string& wish);
    [[noreturn]] void fail(const Node& node, const std::string& reason, const std::string& valid = "") const;

    bool is_constant(const Value* value) const;
    const c10::IValue& constant(const Node& node, const std::string& argument) const;
    bool has(const Node& node, const std::string& argument) const;  // given and not None
    std::int64_t integer(const Node& node, const std::string& argument) const;
    bool boolean(const Node& node, const std::string& argument) const;
    Ints integers(const Node& node, const std::string& argument, std::size_t count) const;
    at::Tensor parameter(const Node& node, const std::string& argument) const;  // double, finite
    Activation activation(const Node& node, const std::string& argument = "") const;
    // The first argument, possibly with its channels seen in two dimensions.
    Activation any_activation(const Node& node, const std::string& argument = "") const;
    const workloads::Shape& shape(const Activation& a) const;

    FloatOp new_op(const Node& node, FloatOpKind kind, const std::string& fallback_name,
                   const Value* weights = nullptr);
    void emit(const Node& node, FloatOp op, const workloads::Shape& shape, bool flat);
    void pass_through(const Node& node, Activation activation, const std::string& why);
    // An operator ending in an underscore changes its argument: whoever names that tensor now means the
    // result.
    void rebind(const Activation& before, const Activation& after);

    // script_layers.cpp: operators with weights.
    void convolution(const Node& node);
    void linear(const Node& node);
    void addmm(const Node& node);
    void matmul(const Node& node);
    void batch_norm(const Node& node);
    void emit_linear(const Node& node, const Activation& x, const at::Tensor& weight, const at::Tensor& bias,
                     const Value* weights);

    // script_operators.cpp: the others.
    void relu(const Node& node);
    void clamp(const Node& node);
    void max_pool(const Node& node);
    void avg_pool(const Node& node);
    void adaptive_avg_pool(const Node& node);
    void mean(const Node& node);
    void add(const Node& node);
    void concat(const Node& node);
    void flatten(const Node& node);
    void view(const Node& node);
    void slice(const Node& node);
    void narrow(const Node& node);
    void chunk(const Node& node);
    void split(const Node& node);
    void unpack(const Node& node);
    void item(const Node& node);
    void transpose(const Node& node);
    void permute(const Node& node);
    void pad(const Node& node);
    void identity(const Node& node);
    void softmax(const Node& node);
    void size(const Node& node);
    void dim(const Node& node);

    void emit_pool(const Node& node, FloatOp op, const Activation& x, bool flat);
    void emit_flatten(const Node& node, const Activation& x);
    void emit_subsample(const Node& node, FloatOp op, const Activation& x);
    void emit_relu(const Node& node, double ceiling);
    bool regroup(const Node& node, const Ints& target);
    // Channels first … first+count−1 as an operator of their own.
    Activation part_of_channels(const Node& node, const Activation& x, std::int64_t first,
                                std::int64_t count);
    void parts_of_channels(const Node& node, const Ints& sizes);
    std::int64_t channel_dim(const Node& node, const Activation& x) const;
    void add_constant(const Node& node, const Activation& x, const std::string& argument);
    void apply_ceil_mode(const Node& node, FloatOp& op, const workloads::Shape& in) const;
    workloads::Window window_of(const Node& node, const std::string& kernel, bool dilated) const;
    // Fails for windows that are none.
    void check_window(const Node& node, const workloads::Window& window) const;

    std::string source_;
    std::vector<std::string>& report_;
    FloatGraph graph_;
    std::unordered_map<const Value*, Entity> entities_;
    std::set<std::string> names_;
};

}  // namespace fluence::models
