// The tensors that a struck inference has at some point of its way: the golden ones with what has changed in
// them. A tensor is copied only where it has changed and somebody looks at it.
#pragma once

#include <vector>

#include "sim/arith/engine.h"

namespace fluence::fault {

class MetTensors {
  public:
    // Keeps a reference.
    explicit MetTensors(const std::vector<workloads::Codes>& golden) : golden_(golden) {}
    MetTensors(const MetTensors&) = delete;
    MetTensors& operator=(const MetTensors&) = delete;

    // All changed codes of a tensor, once.
    void change(TensorId tensor, std::vector<arith::ValueChange> changes) {
        changed_.resize(golden_.size());
        changed_[index_of(tensor)].changes = std::move(changes);
    }
    bool unchanged() const { return changed_.empty(); }

    const workloads::Codes& operator[](std::size_t tensor) const {
        if (changed_.empty() || changed_[tensor].changes.empty()) {
            return golden_[tensor];
        }
        Tensor& now = changed_[tensor];
        if (now.codes.empty()) {
            now.codes = golden_[tensor];
            for (const arith::ValueChange& change : now.changes) {
                now.codes[static_cast<std::size_t>(change.index)] = change.code;
            }
        }
        return now.codes;
    }

  private:
    struct Tensor {
        std::vector<arith::ValueChange> changes;
        workloads::Codes codes;  // empty until somebody looks
    };
    const std::vector<workloads::Codes>& golden_;
    mutable std::vector<Tensor> changed_;  // by tensor; empty: nothing has changed
};

}  // namespace fluence::fault
