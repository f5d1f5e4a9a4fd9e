#include <stdexcept>

#include "sim/array/central_array.h"

namespace fluence::array {

std::unique_ptr<ArrayModel> make_array(const ArrayConfig& config) {
    switch (config.control) {
        case ArrayControl::central:
            return std::make_unique<CentralArray>(config);
        case ArrayControl::travelling:
            break;
    }
    throw std::invalid_argument("array.control: there is no register-true array with travelling control");
}

}  // namespace fluence::array
