// Median feature selection (Ozen & Orailoglu): every code becomes the median of itself and its two
// neighbours in the circular order of channels at the same pixel. It acts on every inference, so that it
// changes fault-free results of networks that were not trained with it.
#pragma once

#include <memory>

#include "sim/arith/pixel_filter.h"

namespace fluence::protect {

// At least three channels.
std::shared_ptr<const arith::PixelFilter> median_filter();

}  // namespace fluence::protect
