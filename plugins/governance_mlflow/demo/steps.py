"""The steps of the demonstration, each done only if the registry does not show it done already."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from governance import approving, cataloguing, measuring, registering
from governance.cli.measurements import stages
from governance.domain.approval import Verdict
from governance.domain.budget import SpendState
from governance.domain.chain import verify
from governance.domain.dataset import Budget
from governance.domain.evidence import EvidenceType
from governance.domain.subject import Subject
from governance.errors import Undecided
from governance.privacy.target import ShadowBudget
from governance.reports.answering import answer, publish
from governance.spending import account
from governance_mlflow import log_input, private_training
from governance_mlflow.artifacts.destinations import local_folder
from governance_mlflow.callers.identity import acting_as
from governance_mlflow.demo import data as demo_data
from governance_mlflow.demo.story import (
    ALIAS,
    DATASET,
    KIND,
    LABEL,
    MODEL,
    OFFICER,
    REVIEWER,
    SCIENTIST,
    TARGET,
    Place,
)
from governance_mlflow.demo.summary import chain_in_words, row, show
from governance_mlflow.gate.gate import location_of
from governance_mlflow.ledger import RegistryLedger
from governance_mlflow.loading import load
from governance_mlflow.operations.doctor import examine
from governance_mlflow.registry import governed_store

FOREST, PRIVATE = "forest", "private"
MARK = b"\n# overwritten after approval\n"


class Steps:
    """One walk through the demonstration, in one folder, with one seed."""

    def __init__(self, place: Place, seed: int, console: Console) -> None:
        self._place = place
        self._seed = seed
        self._console = console
        self._store = governed_store(mlflow.get_registry_uri())
        self._gate = self._store.gate
        self._client = mlflow.MlflowClient()

    def run(self) -> None:
        """All steps in order, then the summary on standard output."""
        self._say("a", f"catalogue {DATASET} with its label and privacy budget")
        self._catalogue()
        self._say("b", "train an over-fitted random forest and register it")
        forest = self._registered(FOREST, self._train_forest)
        self._show_label(forest)
        self._say("c", f"promote it to @{ALIAS}, measure it, and try again")
        self._try_before_and_after(forest)
        self._say("d", "train with differential privacy inside the budget, measure, approve, promote")
        private = self._registered(PRIVATE, self._train_private)
        self._assess(private, PRIVATE)
        self._approve(private)
        self._promote(private)
        self._say("e", "overwrite the original artifact and look who notices")
        self._overwrite(private)
        self._say("f", "write the reports and verify the audit chain")
        reports = [self._report(subject) for subject in (forest, private)]
        with self._store.reading() as books:
            self._tell(chain_in_words(verify(books.audit.entries())))
            now = self._gate.asking().at
            rows = [row(books, kind, one, now) for kind, one in ((FOREST, forest), (PRIVATE, private))]
        show(self._place, rows, reports, forest)

    def _say(self, letter: str, words: str) -> None:
        self._console.print(f"\n[bold]{letter}[/bold]  [bold]{words}[/bold]")

    def _tell(self, words: str) -> None:
        self._console.print(Padding(Text(words), (0, 0, 0, 3)))

    @cached_property
    def _data(self) -> demo_data.Split:
        return demo_data.split(demo_data.load().frame, self._seed)

    @cached_property
    def _members(self) -> measuring.Data:
        return measuring.Data(*demo_data.features(self._data.members))

    @cached_property
    def _non_members(self) -> measuring.Data:
        return measuring.Data(*demo_data.features(self._data.non_members))

    def _catalogue(self) -> None:
        with self._store.reading() as books:
            known = books.catalogue.named(DATASET)
        if not known:
            rand = demo_data.load()
            self._tell(
                f"RAND HIE has {len(rand.frame) + rand.duplicates:,} rows; {rand.duplicates:,} repeat "
                "another exactly and are left out, or a member could be a non-member too"
            )
            asking = self._gate.asking()
            with self._store.writing() as books:
                cataloguing.catalogue(
                    books,
                    rand.frame,
                    name=DATASET,
                    label=LABEL,
                    source="statsmodels.datasets.randhie",
                    budget=Budget(epsilon=3.0, delta=1e-5, unit="person-year", unit_is_data_subject=False),
                    subject_column=None,
                    mlflow_digest=None,
                    by=SCIENTIST,
                    now=asking.at,
                    reason="health survey of people; the source gives no key for a person",
                )
        with self._store.reading() as books:
            (entry,) = books.catalogue.named(DATASET)
        self._tell(
            f"{entry.dataset.n_records:,} records, sha256 {entry.dataset.sha256[:12]}, budget ε 3 at δ 1e-5"
        )

    def _registered(self, kind: str, train: Callable[[], None]) -> Subject:
        found = self._find(kind)
        if found is None:
            with acting_as(SCIENTIST), self._console.status(f"training the {kind} model"):
                train()
            found = self._find(kind)
        if found is None:
            raise Undecided(
                f"The {kind} model was trained and is not in the registry.", "Run the demo again."
            )
        self._tell(f"{found.named} registered by {found.registered_by}")
        return found

    def _find(self, kind: str) -> Subject | None:
        runs = self._client.search_runs([self._experiment], f"tags.`{KIND}` = '{kind}'")
        ids = {run.info.run_id for run in runs}
        versions = self._client.search_model_versions(f"name = '{MODEL}'")
        mine = sorted(int(version.version) for version in versions if version.run_id in ids)
        return self._store.subject(MODEL, mine[-1]) if mine else None

    @cached_property
    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(DATASET)
        if found is not None:
            return str(found.experiment_id)
        location = (self._place.folder / "artifacts").as_uri()
        return str(self._client.create_experiment(DATASET, artifact_location=location))

    def _train_forest(self) -> None:
        with mlflow.start_run(experiment_id=self._experiment, tags={KIND: FOREST}):
            log_input(self._data.members, name=f"{DATASET}-members", part_of=DATASET)
            forest = demo_data.overfitted_forest(self._members.X, self._members.y, self._seed)
            mlflow.sklearn.log_model(
                forest,
                name=FOREST,
                registered_model_name=MODEL,
                # MLflow stores the forest as skops, which asks for trees to be trusted by name.
                skops_trusted_types=["sklearn.tree._tree.Tree"],
                pip_requirements=["scikit-learn"],
            )

    def _train_private(self) -> None:
        with mlflow.start_run(experiment_id=self._experiment, tags={KIND: PRIVATE}):
            log_input(self._data.members, name=f"{DATASET}-members", part_of=DATASET)
            with private_training(
                demo_data.engine(),
                datasets=[DATASET],
                unit="person-year",
                delta=demo_data.DELTA,
                uncovered=demo_data.UNCOVERED,
                key=self._key,
                # Killed after it paid, it trains again for nothing: the same seed gives the same network.
                ledger=None if self._paid() else RegistryLedger(self._gate),
            ) as training:
                demo_data.train_private(self._members.X, self._members.y, self._seed, training=training)
            mlflow.pytorch.log_model(
                training.module,
                name=PRIVATE,
                registered_model_name=MODEL,
                # No record: the example is stored with the model.
                input_example=np.zeros((2, self._members.X.shape[1]), dtype=np.float32),
                metadata=training.metadata(training.module),
                pip_requirements=["torch"],
            )
        with self._store.reading() as books:
            spent = account(books, DATASET)
        if spent is not None:
            self._tell(f"ε {spent.spent_epsilon:.3f} of {spent.limit_epsilon:g} is charged to {DATASET}")

    @property
    def _key(self) -> str:
        return f"{MODEL}-{PRIVATE}-{self._seed}"

    def _paid(self) -> bool:
        with self._store.reading() as books:
            spends = books.ledger.spends(DATASET)
        return any(spend.key == self._key and spend.state is SpendState.COMMITTED for spend in spends)

    def _show_label(self, subject: Subject) -> None:
        dossier = self._gate.dossier(subject, self._store.location(subject))
        for cause in dossier.inheritance.because():
            if cause.dimension in (
                "identifiability",
                "special_categories",
                "purposes",
                "regions",
                "retention",
            ):
                sources = ", ".join(source.partition("@")[0] for source in cause.sources)
                self._tell(f"{cause.dimension.replace('_', ' ')}: {cause.value}, because of {sources}")

    def _try_before_and_after(self, subject: Subject) -> None:
        with self._store.reading() as books:
            decided = len(books.decisions.of(subject.uid))
            measured = self._measured(subject)
        if decided == 0:
            self._promote(subject)
        self._assess(subject, FOREST)
        if decided < 2 or not measured:
            self._promote(subject)
        else:
            self._tell(
                "both tries are on record: denied before it was measured, and denied by what was measured"
            )

    def _measured(self, subject: Subject) -> bool:
        digest = self._gate.artifacts.manifest(self._store.location(subject)).digest
        with self._store.reading() as books:
            found = books.evidence.about(digest)
        return any(evidence.type is EvidenceType.MEMBERSHIP_INFERENCE for evidence in found)

    def _assess(self, subject: Subject, kind: str) -> None:
        if self._measured(subject):
            self._tell("membership inference was measured before; the report has the numbers")
            return
        location = self._store.location(subject)
        digest = self._gate.artifacts.manifest(location).digest
        with stages() as begin:
            found = measuring.assess(
                load(location),
                self._members,
                self._non_members,
                trainer=demo_data.train_private if kind == PRIVATE else None,
                seed=self._seed,
                budget=ShadowBudget(shadows=2),
                stages=begin,
            )
        asking = self._gate.asking()
        with self._store.writing() as books:
            for evidence in found.evidence(digest, SCIENTIST, asking.at, self._gate.policy.max_age_days):
                registering.record(books, evidence, asking.at, SCIENTIST)
        if (measured := found.membership) is None:
            return
        rate = measured.tpr_at_fpr[-1]
        self._tell(
            f"membership inference: AUC {measured.auc.point:.3f}, TPR at 1 % FPR {rate.tpr.point:.1%} "
            f"(at most {rate.tpr.high:.1%}): {measured.verdict.value}"
        )

    def _approve(self, subject: Subject) -> None:
        policy = self._gate.policy
        target = policy.target(TARGET)
        dossier = self._gate.dossier(subject, self._store.location(subject))
        ground = dossier.ground(target.name, policy.digest)
        for person, role in ((REVIEWER, "privacy_reviewer"), (OFFICER, "dpo")):
            if any(given.by == person and given.ground == ground for given in dossier.approvals):
                continue
            with self._store.writing() as books:
                approving.give(
                    books,
                    dossier,
                    policy,
                    target,
                    role=role,
                    by=person,
                    verdict=Verdict.APPROVED,
                    reason="trained with differential privacy inside the budget; the attack shows little",
                    now=self._gate.asking().at,
                )
            self._tell(f"{person} approves as {role}")

    def _promote(self, subject: Subject) -> None:
        if (MODEL, ALIAS, subject.named.version) in self._store.aliases():
            self._tell(f"models:/{MODEL}@{ALIAS} serves {self._store.location(subject)}")
            return
        with acting_as(SCIENTIST):
            try:
                # What any client types; the gate is inside the registry.
                self._client.set_registered_model_alias(MODEL, ALIAS, str(subject.named.version))
            except MlflowException as denied:
                if denied.error_code != "PERMISSION_DENIED":
                    raise
                self._tell(f"DENIED, which `governance promote` says with exit code 1.\n{denied.message}")
                return
        self._tell(f"ALLOWED: models:/{MODEL}@{ALIAS} now serves {self._store.location(subject)}")

    def _overwrite(self, subject: Subject) -> None:
        origin = local_folder(location_of(subject.source))
        if origin is None:
            raise Undecided(
                f"{subject.source} does not lie in the demonstration's folder.", "Use a new folder."
            )
        described = origin / "MLmodel"
        if not described.read_bytes().endswith(MARK):
            with described.open("ab") as file:
                file.write(MARK)
        served = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@{ALIAS}"))
        same = not (served / "MLmodel").read_bytes().endswith(MARK)
        self._tell(f"models:/{MODEL}@{ALIAS} still serves the approved bytes: {'yes' if same else 'NO'}")
        for ailment in examine(self._store, self._gate.asking().at):
            self._tell(f"doctor: {ailment.kind} {ailment.subject}: {ailment.observed}")

    def _report(self, subject: Subject) -> Path:
        policy, asking = self._gate.policy, self._gate.asking()
        dossier = self._gate.dossier(subject, self._store.location(subject))
        folder = self._place.folder / "reports"
        folder.mkdir(exist_ok=True)
        path = folder / f"{MODEL}-{subject.named.version}.html"
        with self._store.writing() as books:
            facts = answer(
                books,
                dossier,
                policy,
                policy.target(TARGET),
                asking,
                change=f"alias @{ALIAS} of {MODEL}",
                purpose="Predicts whether a person visits a doctor more than twice a year.",
            )
            text = publish(books, facts, "html", subject, asking.at, SCIENTIST)
        path.write_text(text, encoding="utf-8")
        self._tell(f"{subject.named}: {path}")
        return path
