#include "sim/array/central_array.h"
#include "sim/array/gemmini_array.h"
#include "sim/array/tiny_tpu_array.h"

namespace fluence::array {

std::unique_ptr<ArrayModel> make_array(const ArrayConfig& config) {
    switch (config.control) {
        case ArrayControl::central:
            return std::make_unique<CentralArray>(config);
        case ArrayControl::travelling:
            break;
    }
    if (config.operand_register == OperandRegister::input) {
        return std::make_unique<GemminiArray>(config);
    }
    return std::make_unique<TinyTpuArray>(config);
}

}  // namespace fluence::array
