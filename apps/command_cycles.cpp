#include "apps/command_cycles.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iostream>

#include "apps/options.h"
#include "sim/core/accelerator_config.h"
#include "sim/core/config_search.h"
#include "sim/core/cycle_numbering.h"
#include "sim/core/error.h"
#include "sim/core/json.h"
#include "sim/dataflow/compute_cycles.h"

namespace fluence::apps {
namespace {

constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;  // of M, N, K and the batch
constexpr std::int64_t kMaxFolds = std::int64_t{1} << 32;   // of one layer

struct CyclesRequest {
    std::string layers, preset, dataflow;
    int rows = 0, cols = 0;  // 0: those of the preset
    std::int64_t batch = 1;
};

// The preset with another array size or dataflow, checked like a file of its own.
AcceleratorConfig configure(const CyclesRequest& request, const std::string& path) {
    nlohmann::json json = read_json_file(path);
    if (json.is_object() && json.contains("array") && json["array"].is_object()) {
        nlohmann::json& array = json["array"];
        if (request.rows != 0) {
            array["rows"] = request.rows;
        }
        if (request.cols != 0) {
            array["cols"] = request.cols;
        }
        if (request.dataflow == "os") {
            array["dataflow"] = "output-stationary";
        } else if (request.dataflow == "ws") {
            array["dataflow"] = "weight-stationary";
        } else if (request.dataflow == "is") {
            array["dataflow"] = "input-stationary";
        }
    }
    return parse_accelerator(json, path);
}

std::vector<std::string> cells_of(std::string line) {
    if (!line.empty() && line.back() == '\r') {
        line.pop_back();
    }
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            cells.emplace_back();
        } else {
            cells.back() += c;
        }
    }
    for (std::string& cell : cells) {
        const auto first = cell.find_first_not_of(" \t");
        cell = first == std::string::npos ? "" : cell.substr(first, cell.find_last_not_of(" \t") - first + 1);
    }
    return cells;
}

// The layers of a CSV file, from its columns M_ofmap_px, N and K.
class LayerTable {
  public:
    explicit LayerTable(const std::string& path) : path_(path), stream_(path) {
        std::string line;
        if (!stream_) {
            throw InputError(path, "", "cannot be read");
        }
        std::getline(stream_, line);
        if (line.rfind("\xEF\xBB\xBF", 0) == 0) {  // byte order mark
            line.erase(0, 3);
        }
        const std::vector<std::string> headings = cells_of(line);
        width_ = headings.size();
        for (std::size_t i = 0; i < kColumns.size(); ++i) {
            const auto found = std::find(headings.begin(), headings.end(), kColumns[i]);
            if (found == headings.end()) {
                throw InputError(path, "line 1", std::string("there is no column ") + kColumns[i],
                                 "columns M_ofmap_px, N and K");
            }
            columns_[i] = static_cast<std::size_t>(found - headings.begin());
        }
    }

    // False at the end. Lines of nothing are passed over.
    bool next(dataflow::Gemm& gemm) {
        std::string line;
        std::vector<std::string> cells;
        do {
            if (!std::getline(stream_, line)) {
                return false;
            }
            ++line_;
            cells = cells_of(line);
        } while (cells.size() == 1 && cells[0].empty());
        if (cells.size() != width_) {
            throw InputError(path_, place(""), "has " + std::to_string(cells.size()) + " cells",
                             std::to_string(width_) + ", as in the heading");
        }
        gemm.m = number(cells, 0);
        gemm.n = number(cells, 1);
        gemm.k = number(cells, 2);
        return true;
    }

    std::string place(const std::string& column) const {
        return "line " + std::to_string(line_) + (column.empty() ? "" : ", " + column);
    }

  private:
    static constexpr std::array<const char*, 3> kColumns = {"M_ofmap_px", "N", "K"};

    std::int64_t number(const std::vector<std::string>& cells, std::size_t column) const {
        const std::string& text = cells[columns_[column]];
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > kMaxExtent) {
            throw InputError(path_, place(kColumns[column]), "is \"" + text + "\"",
                             "whole numbers from 1 to " + std::to_string(kMaxExtent));
        }
        return value;
    }

    std::string path_;
    std::ifstream stream_;
    std::array<std::size_t, 3> columns_{};
    std::size_t width_ = 0;
    int line_ = 1;
};

int cycles(const CyclesRequest& request) {
    const std::string path = find_config("accelerators", request.preset);
    const AcceleratorConfig config = configure(request, path);
    const std::int64_t first_cycle = read_first_cycle(path);
    LayerTable table(request.layers);
    std::string output = "row,folds,compute_cycles\n";
    dataflow::Gemm gemm;
    for (std::int64_t row = 0; table.next(gemm); ++row) {
        gemm.m *= request.batch;
        const double folds = static_cast<double>(gemm.m) * static_cast<double>(gemm.n) / config.array.cols;
        if (folds > static_cast<double>(kMaxFolds) * static_cast<double>(kMaxExtent) || gemm.m > kMaxExtent ||
            dataflow::fold_count(config.array, gemm) > kMaxFolds) {
            throw InputError(request.layers, table.place(""), "is too large a layer for this array",
                             "up to " + std::to_string(kMaxFolds) + " folds");
        }
        const dataflow::ComputeCycles result = dataflow::compute_cycles(config.array, gemm);
        output += std::to_string(row) + "," + std::to_string(result.folds) + "," +
                  std::to_string(result.cycles - 1 + first_cycle) + "\n";
    }
    std::cout << output;
    return 0;
}

}  // namespace

int run_cycles(const Arguments& arguments) {
    CyclesRequest request;
    po::options_description options("Options");
    options.add_options()(
        "layers", po::value(&request.layers)->required(),
        "CSV file with columns M_ofmap_px (output pixels), N (output channels) and K (terms "
        "of a sum); others are ignored")("preset,a", po::value(&request.preset)->required(),
                                         "name of an accelerator, or a JSON file")(
        "rows", po::value(&request.rows), "rows of the array (default: the preset's)")(
        "cols", po::value(&request.cols), "columns of the array (default: the preset's)")(
        "dataflow", po::value(&request.dataflow), "os, ws or is (default: the preset's)")(
        "batch", po::value(&request.batch), "images, whose pixels follow each other (default: 1)");
    const auto values = parse_options(
        "cycles", "LAYERS.csv --preset NAME [OPTIONS]", options, {"layers"}, arguments,
        "  fluence cycles layers.csv --preset scale-sim --rows 32 --cols 32 --dataflow ws\n"
        "\nPrints CSV: row (of the table, counted from 0), folds, compute_cycles. Memories hold everything;\n"
        "docs/machine.md gives the formulas.\n");
    if (!values) {
        return 0;
    }
    const auto within = [&](const char* option, std::int64_t value, std::int64_t high) {
        if (values->count(option) != 0 && (value < 1 || value > high)) {
            throw InputError("fluence cycles", std::string("--") + option, "is " + std::to_string(value),
                             "1 to " + std::to_string(high));
        }
    };
    within("rows", request.rows, 1024);
    within("cols", request.cols, 1024);
    within("batch", request.batch, 1 << 20);
    if (values->count("dataflow") != 0 && request.dataflow != "os" && request.dataflow != "ws" &&
        request.dataflow != "is") {
        throw InputError("fluence cycles", "--dataflow", "there is no dataflow \"" + request.dataflow + "\"",
                         "os, ws, is");
    }
    return cycles(request);
}

}  // namespace fluence::apps
