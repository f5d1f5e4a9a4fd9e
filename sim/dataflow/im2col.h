// A[m,k] of the GEMM behind a conv or linear layer, without building the matrix.
#pragma once

#include <algorithm>
#include <cstdint>

#include "workloads/graph.h"

namespace fluence::dataflow {

class Im2col {
  public:
    Im2col(const workloads::Graph& graph, const workloads::Layer& layer);

    // Flat element of the layer's input tensor that A[m,k] of `group` is, or −1 for padding (value 0).
    std::int64_t input_element(int group, std::int64_t m, std::int64_t k) const;

    // Calls visit(m, k) for every (m, k) of `group` with input_element(group, m, k) == element, ordered by k.
    // The group of an element is element's channel / channels per group.
    template <class Visit>
    void for_each_use(std::int64_t element, Visit visit) const;
    int group_of(std::int64_t element) const;

    // Calls visit(m, element) for every m in [first, last) whose A[m,k] is not padding, ascending.
    template <class Visit>
    void for_each_pixel(int group, std::int64_t k, std::int64_t first, std::int64_t last, Visit visit) const;
    // Calls visit(k, element) for every k in [first, last) whose A[m,k] is not padding, ascending.
    template <class Visit>
    void for_each_term(int group, std::int64_t m, std::int64_t first, std::int64_t last, Visit visit) const;

    // Calls visit(first, last) for runs of input elements, whole input rows of one or more channels, that
    // together hold all of A[m,k] for m in [first_m, last_m), k in [first_k, last_k).
    template <class Visit>
    void for_each_row_run(int group, std::int64_t first_m, std::int64_t last_m, std::int64_t first_k,
                          std::int64_t last_k, Visit visit) const;

    // How many (m, k) of those ranges are not padding.
    std::int64_t operands(std::int64_t first_m, std::int64_t last_m, std::int64_t first_k,
                          std::int64_t last_k) const;

    const workloads::GemmShape& gemm() const { return gemm_; }

  private:
    std::int64_t operands_of_tap(std::int64_t tap, std::int64_t first_m, std::int64_t last_m) const;

    workloads::GemmShape gemm_;
    workloads::Shape input_, output_;
    workloads::Window window_;
    int channels_per_group_ = 1;
};

template <class Visit>
void Im2col::for_each_use(std::int64_t element, Visit visit) const {
    const std::int64_t plane = input_.plane();
    const std::int64_t channel = element / plane % channels_per_group_;
    const std::int64_t row = element % plane / input_.width;
    const std::int64_t image = input_.image_of(row);
    const std::int64_t y = row - image * input_.height;
    const std::int64_t x = element % input_.width;
    for (int ky = 0; ky < window_.kernel_h; ++ky) {
        const std::int64_t oy_scaled = y + window_.pad_h - std::int64_t{ky} * window_.dilation_h;
        if (oy_scaled < 0 || oy_scaled % window_.stride_h != 0 ||
            oy_scaled / window_.stride_h >= output_.height) {
            continue;
        }
        for (int kx = 0; kx < window_.kernel_w; ++kx) {
            const std::int64_t ox_scaled = x + window_.pad_w - std::int64_t{kx} * window_.dilation_w;
            if (ox_scaled < 0 || ox_scaled % window_.stride_w != 0 ||
                ox_scaled / window_.stride_w >= output_.width) {
                continue;
            }
            const std::int64_t m = (image * output_.height + oy_scaled / window_.stride_h) * output_.width +
                                   ox_scaled / window_.stride_w;
            const std::int64_t k = (channel * window_.kernel_h + ky) * window_.kernel_w + kx;
            visit(m, k);
        }
    }
}

template <class Visit>
void Im2col::for_each_pixel(int group, std::int64_t k, std::int64_t first, std::int64_t last,
                            Visit visit) const {
    const std::int64_t kx = k % window_.kernel_w;
    const std::int64_t ky = k / window_.kernel_w % window_.kernel_h;
    const std::int64_t channel =
        group * std::int64_t{channels_per_group_} + k / window_.kernel_w / window_.kernel_h;
    const std::int64_t x0 = kx * window_.dilation_w - window_.pad_w;
    std::int64_t oy = first / output_.width;
    std::int64_t ox = first % output_.width;
    for (std::int64_t m = first; m < last;) {
        const std::int64_t row_end = std::min(last, m + output_.width - ox);
        const workloads::InputRows rows = input_rows(input_, output_, window_, oy);
        const std::int64_t y = rows.first + ky * window_.dilation_h;
        if (y >= rows.begin && y < rows.end) {
            const std::int64_t row = (channel * input_.rows() + y) * input_.width;
            std::int64_t x = ox * window_.stride_w + x0;
            for (std::int64_t i = m; i < row_end; ++i, x += window_.stride_w) {
                if (x >= 0 && x < input_.width) {
                    visit(i, row + x);
                }
            }
        }
        m = row_end;
        ox = 0;
        ++oy;
    }
}

template <class Visit>
void Im2col::for_each_term(int group, std::int64_t m, std::int64_t first, std::int64_t last,
                           Visit visit) const {
    const workloads::InputRows rows = input_rows(input_, output_, window_, m / output_.width);
    const std::int64_t x0 = m % output_.width * window_.stride_w - window_.pad_w;
    std::int64_t kx = first % window_.kernel_w;
    std::int64_t ky = first / window_.kernel_w % window_.kernel_h;
    std::int64_t channel =
        group * std::int64_t{channels_per_group_} + first / window_.kernel_w / window_.kernel_h;
    for (std::int64_t k = first; k < last; ++k) {
        const std::int64_t y = rows.first + ky * window_.dilation_h;
        const std::int64_t x = x0 + kx * window_.dilation_w;
        if (y >= rows.begin && y < rows.end && x >= 0 && x < input_.width) {
            visit(k, (channel * input_.rows() + y) * input_.width + x);
        }
        if (++kx == window_.kernel_w) {
            kx = 0;
            if (++ky == window_.kernel_h) {
                ky = 0;
                ++channel;
            }
        }
    }
}

template <class Visit>
void Im2col::for_each_row_run(int group, std::int64_t first_m, std::int64_t last_m, std::int64_t first_k,
                              std::int64_t last_k, Visit visit) const {
    const workloads::InputRows top = input_rows(input_, output_, window_, first_m / output_.width);
    const workloads::InputRows bottom = input_rows(input_, output_, window_, (last_m - 1) / output_.width);
    const std::int64_t reach = std::int64_t{window_.kernel_h - 1} * window_.dilation_h;
    const std::int64_t begin = std::clamp(top.first, top.begin, top.end);
    const std::int64_t end = std::clamp(bottom.first + reach + 1, bottom.begin, bottom.end);
    const std::int64_t taps = std::int64_t{window_.kernel_h} * window_.kernel_w;
    const std::int64_t first = group * std::int64_t{channels_per_group_} + first_k / taps;
    const std::int64_t last = group * std::int64_t{channels_per_group_} + (last_k - 1) / taps + 1;
    if (begin == 0 && end == input_.rows()) {
        visit(first * input_.plane(), last * input_.plane());
        return;
    }
    for (std::int64_t c = first; c < last && begin < end; ++c) {
        visit((c * input_.rows() + begin) * input_.width, (c * input_.rows() + end) * input_.width);
    }
}

}  // namespace fluence::dataflow
