"""What was measured, printed as it comes, and written into ``docs/performance.md``."""

import platform
import re
from dataclasses import dataclass, field
from importlib.metadata import version

import psycopg

from tests.benchmarks import limit_sql
from tests.live import ROOT

PAGE = ROOT / "docs" / "performance.md"
CHART = ROOT / "docs" / "images" / "performance.png"
BETWEEN = re.compile(r"(?<=<!-- benchmark: begin -->\n).*(?=<!-- benchmark: end -->)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One operation in one table: what each entrant took, and beside whom that counts."""

    operation: object
    results: dict
    base: str

    def ratio(self, name="us"):
        return self.results[name].median / self.results[self.base].median

    @property
    def is_met(self):
        return self.ratio() <= self.operation.bar


@dataclass
class Report:
    tables: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)

    def add(self, title, row):
        """Take over a row of the table with this title, and print it."""
        if title not in self.tables:
            heading = ("median", "p95", "CPU", "queries", "ratio", "CPU ratio")
            print(f"\n{title}\n{'':<42}" + "".join(f"{name:>11}" for name in heading))
        self.tables.setdefault(title, []).append(row)
        base = row.results[row.base]
        for name, result in row.results.items():
            figures = [f"{result.median:.2f}", f"{result.p95:.2f}"]
            figures.append("" if result.cost is None else f"{result.cost:.2f}")
            figures.append("" if result.queries is None else str(result.queries))
            figures.append(f"{row.ratio(name):.2f}")
            figures.append("" if result.cost is None else f"{result.cost / base.cost:.2f}")
            line = f"{row.operation.name:<28}{name:<14}" + "".join(f"{f:>11}" for f in figures)
            print(line + (bars(row) if name == "us" else ""), flush=True)

    def find(self, finding):
        """Take over a figure that is no row of a table, and print it."""
        self.findings.append(finding)
        bar = f"  (bar {finding.bar})" if finding.bar else ""
        print(
            f"{finding.name}: {finding.value}{bar}{'' if finding.is_met else NOT_MET}", flush=True
        )

    def missed(self):
        """The names of the bars that are not met."""
        rows = [(title, row) for title, rows in self.tables.items() for row in rows]
        missed = [f"{row.operation.name} ({title})" for title, row in rows if not row.is_met]
        return missed + [finding.name for finding in self.findings if not finding.is_met]

    def write(self):
        """Put tables and chart into the documentation; ratios only."""
        draw(self.tables[next(iter(self.tables))])
        page = PAGE.read_text()
        PAGE.write_text(BETWEEN.sub(lambda _: self.markdown(), page))

    def markdown(self):
        return "\n".join(self._lines())

    def _lines(self):
        yield surroundings()
        yield "\n![Each operation beside the LIMIT](images/performance.png)\n"
        for title, rows in self.tables.items():
            names = [name for name in rows[0].results if name != rows[0].base]
            yield f"### {title}\n"
            yield "| operation | " + " | ".join(names) + " | bar | aim | met |"
            yield "|---" * (len(names) + 4) + "|"
            for row in rows:
                ratios = " | ".join(f"{row.ratio(name):.2f}{queries(row, name)}" for name in names)
                met = "yes" if row.is_met else "**no**"
                yield (
                    f"| {row.operation.name} | {ratios} | {row.operation.bar} |"
                    f" {row.operation.aim or ''} | {met} |"
                )
            yield ""
        yield "### Further figures\n\n| figure | measured | bar | met |\n|---|---|---|---|"
        for finding in self.findings:
            met = ("yes" if finding.is_met else "**no**") if finding.bar else ""
            yield f"| {finding.name} | {finding.value} | {finding.bar} | {met} |"
        yield "\n<details><summary>The SQL of the LIMIT</summary>\n"
        yield f"```sql\n{statements()}\n```\n\n</details>\n"


NOT_MET = "  <-- NOT MET"


def bars(row):
    aim = f", aim {row.operation.aim}" if row.operation.aim else ""
    return f"   bar {row.operation.bar}{aim}{'' if row.is_met else NOT_MET}"


def queries(row, name):
    """The number of statements beside that of the base, where it is known."""
    own, base = row.results[name].queries, row.results[row.base].queries
    return "" if own is None else f" ({own} to {base} statements)"


def statements():
    """The SQL of the LIMIT by operation."""
    parts = []
    for name, texts in limit_sql.OF_OPERATION.items():
        lines = [re.sub(r"\s+", " ", text).strip() + ";" for text in texts]
        parts.append("\n".join([f"-- {name}", *lines]))
    return "\n\n".join(parts)


def surroundings():
    """With what it was measured."""
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    packages = ("django", "djangorestframework", "psycopg", "orjson", "django-scim2", "gunicorn")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"Measured with Python {platform.python_version()}, {versions} on {len(models)} cores"
        f" ({models[0] if models else platform.machine()}), PostgreSQL on the same machine."
    )


def draw(rows):
    """The chart: each operation beside the LIMIT, on a logarithmic scale."""
    import matplotlib  # only here: the extra `benchmarks` of pyproject.toml

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(9, 0.62 * len(rows) + 1.6), layout="constrained")
    for place, row in enumerate(reversed(rows)):
        for name, offset, colour in (("us", 0.19, "#1f77b4"), ("django-scim2", -0.19, "#b0b0b0")):
            value = row.ratio(name)
            label = "maptician_scim" if name == "us" else name
            axes.barh(place + offset, value, 0.36, color=colour, label="" if place else label)
            # Inside the bar, where no mark of another can cross it.
            axes.annotate(
                f"{value:.1f}",
                (value, place + offset),
                xytext=(-4, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=8,
                color="white" if name == "us" else "black",
            )
        label = "" if place else "bar: may cost at most this"
        axes.plot(
            [row.operation.bar] * 2, [place, place + 0.38], color="#d62728", lw=2, label=label
        )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(left=0.5)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set_yticks(range(len(rows)), [row.operation.name for row in reversed(rows)])
    axes.set_xlabel("time beside hand-written SQL (1 = as fast; logarithmic)")
    axes.margins(y=0.02)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper left", ncols=3, frameon=False)
    figure.savefig(CHART, dpi=130)


def database_version(url):
    with psycopg.connect(url.partition("?")[0]) as connection:
        return connection.execute("SHOW server_version").fetchone()[0]
