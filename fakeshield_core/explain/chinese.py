"""Explanations in simplified Chinese, made from the structured results and never from English sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, Region, Verdict
from fakeshield_core.explain.chinese_findings import TITLES, claim_text, reason_text, whole_text
from fakeshield_core.explain.chinese_tiles import headline_text, limit_text, plain_text
from fakeshield_core.explain.claims import CLAIMED, row_of
from fakeshield_core.explain.note import percent_digits
from fakeshield_core.explain.words import Row, Rows, Words, levels_told, naming, shown_row
from fakeshield_core.masks import MAX_REGIONS

COUNTS = ("零", "一", "两", "三", "四", "五", "六", "七")
MARKED, EACH = "标记区域", "各区域"
LEADS: Mapping[Verdict, str] = {
    "no_tampering_found": "分数低于阈值；标出的是热图上数值最高的位置。",
    "inconclusive": "分数不足以作出判断；标出的是热图上数值最高的位置。",
}
# The words of `masks.where_in_picture`, as they follow "一处区域，".
PLACES: Mapping[str, str] = {
    "almost the whole picture": "几乎遍及整个画面",
    "most of the picture": "遍及画面大部分",
    "across the top": "横贯画面上部",
    "across the middle": "横贯画面中部",
    "across the bottom": "横贯画面下部",
    "down the left side": "纵贯画面左侧",
    "down the middle": "纵贯画面中部",
    "down the right side": "纵贯画面右侧",
    "top left": "位于画面左上",
    "top centre": "位于画面上部中间",
    "top right": "位于画面右上",
    "bottom left": "位于画面左下",
    "bottom centre": "位于画面下部中间",
    "bottom right": "位于画面右下",
    "far left": "位于画面左侧",
    "far right": "位于画面右侧",
    "above and left of centre": "位于画面中央偏左上",
    "above centre": "位于画面中央偏上",
    "above and right of centre": "位于画面中央偏右上",
    "left of centre": "位于画面中央偏左",
    "centre": "位于画面中央",
    "right of centre": "位于画面中央偏右",
    "below and left of centre": "位于画面中央偏左下",
    "below centre": "位于画面中央偏下",
    "below and right of centre": "位于画面中央偏右下",
}


class Chinese:
    """Implements `Words`. Stateless."""

    code = "zh"
    gap = ""
    leads = LEADS
    nothing_marked = "未标记任何区域，因此没有可与画面其余部分比较的内容。"
    unexplained = "因此，这里没有任何测量结果支持所作的标记。"
    file_limit = "未经改动的图片重新保存时，也会出现这类文件特征。"
    nothing_found = "以上结果均未指向某一区域，但不能排除未留下这类痕迹的编辑。"

    def place(self, where: str) -> str:
        """Such as "位于画面左上"."""
        return PLACES.get(where, where)

    def where(self, regions: Sequence[Region]) -> str:
        """Such as "共标记两处区域，较大的一处位于画面左上，合计占画面的2.5%。"."""
        place = self.place(regions[0].where)
        share = f"占画面的{percent_digits(sum(region.area_fraction for region in regions))}%"
        if len(regions) == 1:
            return f"标记了一处区域，{place}，{share}。"
        if len(regions) == MAX_REGIONS:  # there may be more
            return f"至少标记{MAX_REGIONS}处区域，最大的一处{place}，最大的{MAX_REGIONS}处合计{share}。"
        largest = "较大" if len(regions) == 2 else "最大"
        return f"共标记{COUNTS[len(regions)]}处区域，{largest}的一处{place}，合计{share}。"

    def claim(self, claim: Claim, evidence: Evidence, regions: Sequence[Region]) -> str:
        """From the item and the row that the claim rests on."""
        item = next(item for item in evidence.items if item.name == claim.kind)
        if claim.region_id is None:
            return whole_text(item)
        row = row_of(item, claim.region_id)
        return claim_text(item, row, _place(claim.region_id, regions))

    def whole(self, item: EvidenceItem) -> str:
        """As `whole_text`."""
        return whole_text(item)

    def limit(self, item: EvidenceItem) -> str:
        """That of the item's kind; of a kind that is not known its own words, as in all that follow."""
        return limit_text(item) if item.name in TITLES else item.cannot_show

    def title(self, item: EvidenceItem) -> str:
        """That of the item's kind."""
        return TITLES.get(item.name, item.title)

    def headline(self, item: EvidenceItem) -> str:
        """As `headline_text`."""
        return headline_text(item) if item.name in TITLES else item.headline

    def shown(self, item: EvidenceItem, regions: Sequence[Region]) -> str:
        """From the clearest row, else from what the item says of the whole picture."""
        if item.name not in TITLES:
            return item.shows
        row = shown_row(item)
        if row is None:
            return whole_text(item) if item.status == "informs" else plain_text(item)
        number = int(str(row["region_id"]))
        if row["outcome"] in CLAIMED:
            return claim_text(item, row, _place(number, regions))
        if row["reason"]:
            return self.unmeasured([item], row, [number], regions)
        return self.same([(item, [row])], [number], regions)

    def same(
        self, results: Sequence[tuple[EvidenceItem, Rows]], ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """Such as "在噪声（2.04对1.48灰度级）方面，标记区域与画面其他相似部分无明显差别。"."""
        titles: list[str] = []
        for item, rows in results:
            titles.append(TITLES[item.name] + _levels(rows, regions, with_unit=not titles))
        each = "均" if len(titles) > 1 or len(ids) > 1 else ""
        return f"在{_joined(titles)}方面，{_places(ids, regions)}与画面其他相似部分{each}无明显差别。"

    def unmeasured(
        self, items: Sequence[EvidenceItem], row: Row, ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """Such as "区域2无法测量噪声：几乎全黑或全白。"."""
        titles = _joined([TITLES[item.name] for item in items]) if items else "任何项目"
        each = "均" if len(ids) > 1 else ""
        return f"{_places(ids, regions)}{each}无法测量{titles}：{reason_text(row)}。"

    def incomplete(self, ids: Sequence[int], regions: Sequence[Region]) -> str:
        """Such as "区域2和3中有部分项目无法测量。"."""
        return f"{_places(ids, regions)}中有部分项目无法测量。"


CHINESE: Words = Chinese()


def _place(region_id: int, regions: Sequence[Region]) -> str:
    return MARKED if len(regions) == 1 else f"区域{region_id}"


def _places(ids: Sequence[int], regions: Sequence[Region]) -> str:
    """Such as "标记区域", "区域2", "区域1、2和4", "区域1至6", "各区域"."""
    match naming(ids, regions):
        case "one":
            return _place(ids[0], regions)
        case "all":
            return EACH
        case "run":
            return f"区域{ids[0]}至{ids[-1]}"
        case "some":
            return f"区域{_joined([str(number) for number in ids])}"


def _levels(same: Rows, regions: Sequence[Region], with_unit: bool) -> str:
    """The two levels in brackets where there is but one region and they are levels, else nothing."""
    told = levels_told(same, regions)
    return f"（{told[0]}对{told[1]}{'灰度级' if with_unit else ''}）" if told else ""


def _joined(words: Sequence[str]) -> str:
    """Such as "误差水平、噪声和分块网格"."""
    *first, last = words
    return f"{'、'.join(first)}和{last}" if first else last
