#!/bin/sh
# The table of trained networks in docs/networks.md: import with calibration (fp32 and int8 accuracy over the whole
# test set), one inference on two machines with its values held against the golden activations, and a campaign of
# upsets over all sites.
#
#   bench/networks_table.sh DATA OUTPUT [NETWORK...]
#   FORMATS="fxp16 fxp8" bench/networks_table.sh DATA OUTPUT [NETWORK...]
#
# The second one makes the table of other formats instead: test images, correct in fp32, then in each format;
# "fxp8-refined": fxp8 with --refine; "fxp8-channel-refined": with --weight-scales channel as well.
# DATA: folder with models/, mnist/, cifar10/, imagenet_val/. OUTPUT: bundles, results and one row a network; what is
# there is not made again. Columns: test images, fp32 and int8 correct, cycles on edge-16x16 and cloud-32x32, and of
# the campaign dead / otherwise masked / benign / SDC / DUE.
# EVALUATE: test images that accuracy is measured on (default all), at least those of the bundle. CALIBRATION: training
# images that set the scales (default 1000). FLUENCE: the program (default build/release/fluence).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=${FLUENCE:-$root/build/release/fluence}
if [ $# -lt 2 ]; then
    sed -n '2,16s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
data=$1
output=$2
shift 2

imagenet="--mean 0.485,0.456,0.406 --deviation 0.229,0.224,0.225"
cifar="--mean 0.4914,0.4822,0.4465 --deviation 0.2470,0.2435,0.2616"

# name: data set | folder | preprocessing | images of the campaign
networks="cifar10_resnet8: cifar10||--divisor 1|1000
mnist_lenet5: mnist||--mean 0.1307 --deviation 0.3081|1000
cifar10_lenet: cifar10||--divisor 127.5 --mean 1,1,1|1000
cifar10_resnet20: cifar10||$imagenet|1000
cifar10_allcnn_bn: cifar10||$cifar|200
cifar10_vgg16: cifar10||$cifar|200
cifar10_resnet18: cifar10||$cifar|200
imagenet_mobilenet_v1_025_128_rot180: folder|imagenet_val|--resize 128x128 --rotate 180 --divisor 127.5 --mean 1,1,1|100
imagenet_squeezenet1_1: folder|imagenet_val|$imagenet|50
imagenet_mobilenet_v2_rot180: folder|imagenet_val|--crop 224 --rotate 180 --divisor 127.5 --mean 1,1,1|50"

# field LINE NUMBER: between the bars.
field() {
    printf '%s\n' "$1" | cut -d'|' -f"$2"
}

# cycles BUNDLE MACHINE LOG: of one inference; its tensors must equal the golden activations.
cycles() {
    "$program" simulate "$1" --accelerator "$2" --image 0 >"$3"
    grep -q "equal the bundle's golden activations" "$3" ||
        { echo "$1: the machine computes something else than the golden activations" >&2; exit 1; }
    sed -n 's/^total *\([0-9]*\).*/\1/p' "$3"
}

campaign() {  # NAME IMAGES
    cat >"$output/$1/campaign.json" <<JSON
{ "name": "$1", "workload": { "bundle": "$output/$1/bundle" }, "accelerator": "edge-16x16", "policies": ["none"],
  "fault_model": { "name": "seu" }, "images": $2, "faults": 1000, "seed": 1 }
JSON
    "$program" run "$output/$1/campaign.json" -o "$output/$1/campaign" -j 1 >"$output/$1/campaign.log" 2>&1
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
             NR == 2 { print $at["dead_count"] " / " $at["masked_count"] - $at["dead_count"] " / " \
                       $at["benign_count"] " / " $at["sdc_count"] " / " $at["due_count"] }' \
        "$output/$1/campaign/policies.csv"
}

# import_network NAME SPECIFICATION BUNDLE IMAGES [OPTION...]: its report on standard output.
import_network() {
    import_name=$1
    specification=$2
    bundle=$3
    images=$4
    shift 4
    # shellcheck disable=SC2046
    "$program" import "$data/models/$import_name.pt" --dataset "$(field "$specification" 1)" \
        --data "$data/$(field "$specification" 2)" $(field "$specification" 3) --images "$images" \
        --evaluate "${EVALUATE:--1}" --calibration-images "${CALIBRATION:-1000}" --output "$bundle" "$@" \
        2>"$output/$import_name/import.err" || { cat "$output/$import_name/import.err" >&2; exit 1; }
}

# Top-1 on 10000 test images: fp32 91.73 % (9173/10000), int8 91.64 % (9164/10000)
# correct LOG FORMAT: of how many, in fp32, in the format.
correct() {
    sed -n "s/^Top-1 on [0-9]* test images: fp32 [^(]*(\([0-9]*\)\/\([0-9]*\)), $2 [^(]*(\([0-9]*\)\/.*/\2 | \1 | \3/p" "$1"
}

formats_row() {  # NAME SPECIFICATION
    line="| \`$1\`"
    for format in $FORMATS; do
        log=$output/$1/import-$format.log
        mkdir -p "$output/$1"
        options=
        case $format in *-channel*) options="--weight-scales channel" ;; esac
        case $format in *-refined) options="$options --refine" ;; esac
        if [ ! -f "$log" ]; then
            # shellcheck disable=SC2086
            import_network "$1" "$2" "$output/$1/bundle-$format" 1 --format "${format%%-*}" $options >"$log.part"
            rm -rf "$output/$1/bundle-$format"
            mv "$log.part" "$log"
        fi
        counts=$(correct "$log" "${format%%-*}")
        [ "$line" != "| \`$1\`" ] || line="$line | ${counts% | *}"
        line="$line | ${counts##* | }"
    done
    echo "$line |"
}

row() {  # NAME "DATASET|FOLDER|PREPROCESSING|IMAGES"
    name=$1
    folder=$output/$name
    mkdir -p "$folder"
    if [ ! -f "$folder/bundle/workload.json" ]; then
        import_network "$name" "$2" "$folder/bundle" "$(field "$2" 4)" >"$folder/import.log"
    fi
    accuracy=$(correct "$folder/import.log" int8)
    edge=$(cycles "$folder/bundle" edge-16x16 "$folder/edge.txt")
    cloud=$(cycles "$folder/bundle" cloud-32x32 "$folder/cloud.txt")
    outcomes=$(campaign "$name" "$(field "$2" 4)")
    echo "| \`$name\` | $accuracy | $edge | $cloud | $outcomes |" >"$folder/row.md"
}

printf '%s\n' "$networks" | while IFS= read -r line; do
    name=${line%%:*}
    wanted=${*:-$name}
    case " $wanted " in
        *" $name "*) ;;
        *) continue ;;
    esac
    if [ -n "${FORMATS:-}" ]; then
        formats_row "$name" "${line#*: }"
        continue
    fi
    [ -f "$output/$name/row.md" ] || row "$name" "${line#*: }"
    cat "$output/$name/row.md"
done
