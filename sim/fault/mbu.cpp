// Multi-cell upsets: as `seu`, but every particle upsets a cluster of adjacent cells, whose shape is drawn
// from a table. cluster.h says what is adjacent.
#include <algorithm>
#include <set>

#include "sim/core/error.h"
#include "sim/fault/registry.h"

namespace fluence::fault {
namespace {

// Shapes that experiments do not give: an example, not a measurement.
const std::vector<ClusterShape>& default_shapes() {
    static const std::vector<ClusterShape> shapes = {
        {{1, 2}, 0.5}, {{2, 1}, 0.2}, {{2, 2}, 0.15}, {{1, 3}, 0.1}, {{1, 4}, 0.05}};
    return shapes;
}

std::string name_of(const Cluster& cells) {
    return std::to_string(cells.rows) + "x" + std::to_string(cells.cols);
}

std::vector<ClusterShape> parse_shapes(JsonObject& object) {
    constexpr double kMaxWeight = 1e9;
    std::vector<ClusterShape> shapes;
    JsonObject table = object.object("shapes");
    double total = 0;
    for (int rows = 1; rows <= kMostClusterSide; ++rows) {
        for (int cols = 1; cols <= kMostClusterSide; ++cols) {
            const Cluster cells{rows, cols};
            if (table.has(name_of(cells))) {
                shapes.push_back({cells, table.number(name_of(cells), 0, kMaxWeight)});
                total += shapes.back().probability;
            }
        }
    }
    table.finish();
    if (!(total > 0)) {
        object.fail("shapes", "leaves no shape",
                    "an object of shapes (rows x columns, 1x1 to 8x8) and their probabilities");
    }
    for (ClusterShape& shape : shapes) {
        shape.probability /= total;
    }
    return shapes;
}

}  // namespace

void parse_mbu(JsonObject& object, FaultModelConfig& config) {
    parse_seu(object, config);
    config.shapes = object.has("shapes") ? parse_shapes(object) : default_shapes();
}

void write_mbu(const FaultModelConfig& config, nlohmann::json& value) {
    write_seu(config, value);
    value["shapes"] = nlohmann::json::object();
    for (const ClusterShape& shape : config.shapes) {
        value["shapes"][name_of(shape.cells)] = shape.probability;
    }
}

void strike_cluster(const FaultModelConfig& config, int, RandomStream& random, DrawnUpset& draw) {
    double at = random.uniform();
    for (const ClusterShape& shape : config.shapes) {
        draw.cluster = shape.cells;
        at -= shape.probability;
        if (at < 0) {
            return;
        }
    }
}

}  // namespace fluence::fault
