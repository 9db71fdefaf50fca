"""Whether everybody can use a page."""

from pathlib import Path

AXE = Path(__file__).parent.joinpath("vendor", "axe.min.js").read_text()

DJANGOS_OWN = (
    # The login page has its site's name in a <div>, and no heading.
    ("page-has-heading-one", "html:has(body.login)"),
    # Known by its place: the links of a trail, and “0 results (7 total)” beside a search.
    ("link-in-text-block", ".breadcrumbs > a, #changelist-search .small > a"),
    # The label of a search is a picture, which no longer counts beside a help text.
    ("label-title-only", "#searchbar"),
)
"""What is wrong with Django's admin itself: rule of axe-core, selector."""

RUN = """
async (known) => {
  // A button that is half way from one theme to the other has neither's contrast.
  await new Promise(requestAnimationFrame);
  await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  // To preload style sheets it puts them into a <style>, which the page's policy rightly stops.
  const options = { preload: false, resultTypes: ["violations"] };
  const { violations } = await axe.run(document, options);
  const isKnown = (rule, target) =>
    known.some(([id, where]) => id === rule && document.querySelector(target)?.matches(where));
  return violations.flatMap(({ id, help, nodes }) =>
    nodes
      .filter(({ target }) => !isKnown(id, target[0]))
      .map(({ target, failureSummary }) => `${id}: ${target}: ${help}. ${failureSummary}`)
  );
}
"""


def assert_accessible(page):
    """axe-core, with all its rules, finds nothing."""
    # Not as a <script>, which the page's Content-Security-Policy would rightly stop.
    page.evaluate(AXE)
    assert page.evaluate(RUN, DJANGOS_OWN) == []


def assert_fits(page):
    """No reader has to scroll sideways: what is wider than the window scrolls in itself."""
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    content, window = page.evaluate(widths)
    assert content <= window, wide_elements(page)


def wide_elements(page):
    """The elements that stand out at the end of a line, for whoever has to mend them."""
    return page.evaluate("""() => {
      const edge = document.documentElement.clientWidth;
      return [...document.querySelectorAll("body *")]
        .filter((element) => element.getBoundingClientRect().right > edge + 1)
        .map((e) => `${e.tagName}.${e.className}#${e.id} ${e.getBoundingClientRect().right}`);
    }""")


def assert_cared_for(page):
    """In light on a wide screen, and in dark on a telephone."""
    window = page.viewport_size
    assert_accessible(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 780})
    assert_fits(page)
    assert_accessible(page)
    page.set_viewport_size(window)
    page.emulate_media(color_scheme="light")
