import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { certificatePdf } from "../../../services/learning/certificates/pdf.ts";
import {
	lettersOf,
	linesOf,
	oneLine,
	runsOf,
	startsRight,
} from "../../../services/learning/certificates/runs.ts";
import { facesFor } from "../../../services/learning/certificates/typefaces.ts";
import { pdfText } from "../../support/pdf-text.ts";

describe("a text in one line", () => {
	test("is as it is written, without what only controls", () => {
		for (const name of ["Ada Lovelace", "Zoë Ångström", "अनिता", "क्‍ष", "می‌خواهم", "王小明", "🙂"])
			assert.equal(oneLine(name), name);
		assert.equal(oneLine(" two\n lines\u0000\u00ad "), "two lines");
		assert.equal(oneLine("Zoe\u0308"), "Zoë");
		assert.equal(oneLine("a\u202eb\u2066c"), "abc", "nothing turns the line around");
		assert.equal(oneLine(" \t "), "");
	});
});

describe("runs by typeface", () => {
	const face = (name: string, letters: RegExp, has: string) => ({
		name,
		letters,
		has: (code: number) => has.includes(String.fromCodePoint(code)),
	});
	const common = " .,()1234567890";
	const plain = face("plain", /\p{Script=Latin}/u, `${common}abcdefghij`);
	const wide = face("wide", /\p{Script=Latin}/u, "abcdefghijklmnop\u0303");
	const indic = face("indic", /\p{Script=Devanagari}/u, "\u0020अनितािक्ष।");
	const hebrew = face("hebrew", /\p{Script=Hebrew}/u, "אבגדהושלםרמן ");
	const faces = [plain, wide, indic, hebrew];
	const runs = (text: string, fromRight?: boolean) =>
		runsOf(text, faces, fromRight)?.map(
			run => `${run.face.name}:${run.text}${run.isRightToLeft ? "<" : ""}`,
		);

	test("are by the first that has a letter", () => {
		assert.deepEqual(runs("abc"), ["plain:abc"]);
		assert.deepEqual(runs("abkc"), ["plain:ab", "wide:k", "plain:c"]);
		assert.deepEqual(runs("अनिता abc"), ["indic:अनिता ", "plain:abc"]);
	});

	test("keep spaces, digits and signs with what they follow, where that has them", () => {
		assert.deepEqual(runs("अ न"), ["indic:अ न"]);
		assert.deepEqual(runs("abc, 12 अनि (1)"), ["plain:abc, 12 ", "indic:अनि ", "plain:(1)"]);
		assert.deepEqual(runs("(अ)"), ["plain:(", "indic:अ", "plain:)"]);
	});

	test("never part a letter from its marks", () => {
		assert.deepEqual(runs("ag\u0303b"), ["plain:a", "wide:g\u0303", "plain:b"]);
		assert.equal(runs("अ\u0303"), undefined, "no typeface for its script has the mark");
		assert.deepEqual(runs("क\u200dष"), ["indic:क\u200dष"]);
	});

	test("are none where one letter has no typeface", () => {
		for (const text of ["abc王", "z", "🙂", "abc \ud800"]) assert.equal(runs(text), undefined);
	});

	test("stand from left to right, as they are seen", () => {
		assert.deepEqual(runs("שלום"), ["hebrew:שלום<"]);
		assert.deepEqual(runs("שלום abc"), ["plain:abc", "hebrew:שלום <"]);
		assert.deepEqual(runs("abc שלום"), ["plain:abc ", "hebrew:שלום<"]);
		assert.deepEqual(runs("אב abc גד"), ["hebrew:גד<", "plain: <", "plain:abc", "hebrew:אב <"]);
		assert.deepEqual(runs("abc", true), ["plain:abc"]);
		assert.deepEqual(runs("(אב) 12"), ["plain:12", "plain:) <", "hebrew:אב<", "plain:(<"]);
		assert.deepEqual([startsRight("1 אב"), startsRight("a אב")], [true, false]);
	});

	test("lose and add nothing", () => {
		const text = fc
			.array(fc.constantFrom(..."abckm 1,(", "g\u0303", "नि", "ता", "ש", "ם"), { maxLength: 20 })
			.map(letters => letters.join(""));
		fc.assert(
			fc.property(text, fc.boolean(), (line, fromRight) => {
				const found = runsOf(line, faces, fromRight) ?? [];
				const sorted = (parts: string[]) => parts.flatMap(lettersOf).sort();
				assert.deepEqual(sorted(found.map(run => run.text)), sorted([line]));
				for (const run of found)
					for (const letter of run.text) assert.ok(run.face.has(letter.codePointAt(0) as number));
				if (!/[שם]/.test(line) && !fromRight)
					assert.equal(found.map(run => run.text).join(""), line);
			}),
		);
	});
});

test("lines are broken at spaces, and in a word only where it is wider alone", () => {
	const length = (text: string) => text.length;
	assert.deepEqual(linesOf("one two three", 7, length), ["one two", "three"]);
	assert.deepEqual(linesOf("a longest word", 4, length), ["a", "long", "est", "word"]);
	assert.deepEqual(linesOf("fits", 4, length), ["fits"]);
	fc.assert(
		fc.property(fc.stringMatching(/^[a-c]{1,9}( [a-c]{1,9}){0,6}$/), fc.nat(8), (text, more) => {
			const lines = linesOf(text, more + 1, length);
			assert.equal(lines.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
			for (const line of lines) assert.ok(line.length > 0 && line.length <= more + 1, line);
		}),
	);
});

const given = {
	id: "crt_1",
	courseId: "crs_1",
	userId: "usr_1",
	courseTitle: "Pottery",
	studentName: "Ada",
	completedAt: "2026-01-01T00:00:00.000Z",
	issuedAt: "2026-01-01T00:00:00.000Z",
	verifyUrl: "https://school.example.com/certificates/crt_1",
};

/** By typeface, a name and a title with what is hard of its script. */
const written: readonly [typeface: string, name: string, title: string][] = [
	["NotoSans-Bold", "Ada Lovelace", "Jürgen „Max“ Müller: Œuvre €"],
	["NotoSans-Bold", "Łukasz Nguyễn Văn Đỗ", "Żółć, ẹ́ ǫ́ g̃, Ștefan, İstanbul"],
	["NotoSans-Bold", "Αλέξανδρος Ελένη", "Ἀριστοτέλης, ᾧ"],
	["NotoSans-Bold", "Иван Љубица Їжак", "Ґалаґан и Қасым"],
	["NotoSans-Bold", "अनिता कृष्णमूर्ति", "श्री ज्ञानेश्वरी, क़ज़ाख़ ट्रांसफ़र।"],
	["NotoSansBengali-Bold", "রবীন্দ্রনাথ চট্টোপাধ্যায়", "শ্রী লক্ষ্মী, র‍্যাব"],
	["NotoSansTamil-Bold", "தமிழ் ஸ்ரீநிவாசன்", "கொழும்பு பெங்களூர் லக்ஷ்மி"],
	["NotoSansTelugu-Bold", "శ్రీనివాస్ వెంకటేశ్వర్లు", "ప్రియాంక రామ్మూర్తి స్త్రీ"],
	["NotoSansGujarati-Bold", "પ્રિયંકા ધર્મેશ", "શ્રી જ્ઞાન કૃષ્ણ"],
	["NotoSansGurmukhi-Bold", "ਹਰਪ੍ਰੀਤ ਸਿੰਘ", "ਗੁਰਮੁਖੀ ਪੜ੍ਹਾਈ"],
	["NotoSansKannada-Bold", "ಲಕ್ಷ್ಮಿ ಶ್ರೀನಿವಾಸ", "ಜ್ಞಾನೇಶ್ವರ ರ್ಕ್ಷ್ಮಿ"],
	["NotoSansMalayalam-Bold", "ലക്ഷ്മി കൃഷ്ണൻ", "സ്ത്രീ ക്രിസ്ത്യൻ അവന്‍"],
	["NotoSansOriya-Bold", "ଅନିତା ଓଡ଼ିଆ", "ଶ୍ରୀ ଲକ୍ଷ୍ମୀ ସ୍ତ୍ରୀ"],
	["NotoSansArabic-Bold", "محمد علي عبد الله", "مُحَمَّد پرویز ڈاکٹر لا"],
	["NotoSansHebrew-Bold", "דוד בן־גוריון", "שָׁלוֹם"],
];
const fallback = /holder named|named on the page|lack letters/;
/** What is seen from the left, as it is read. */
const read = (text: string) => (startsRight(text) ? lettersOf(text).reverse().join("") : text);

describe("the PDF of a certificate", () => {
	for (const [typeface, studentName, courseTitle] of written)
		test(`shows ${studentName}`, async () => {
			const pdf = await certificatePdf({ ...given, studentName, courseTitle });
			const { pieces, typefaces, missing } = pdfText(pdf);
			const shown = pieces.join("");
			assert.doesNotMatch(shown, fallback);
			assert.equal(missing, 0);
			for (const text of [studentName, courseTitle])
				assert.ok(shown.includes(read(text.normalize("NFC"))), `${text} in ${shown}`);
			assert.ok(typefaces.includes(typeface), typefaces.join());
			assert.ok(pdf.length < 16_000, `${pdf.length} bytes`);
		});

	test("mixes scripts", async () => {
		const studentName = "Anita अनिता தமிழ் Łukasz";
		const { pieces, typefaces, missing } = pdfText(
			await certificatePdf({ ...given, studentName, courseTitle: "קורס Python 3 (חדש)" }),
		);
		const shown = pieces.join("");
		assert.ok(shown.includes(studentName), shown);
		assert.ok(shown.includes(")שדח( Python 3 סרוק"), shown);
		assert.deepEqual(typefaces.toSorted(), [
			"NotoSans-Bold",
			"NotoSansHebrew-Bold",
			"NotoSansTamil-Bold",
		]);
		assert.equal(missing, 0);
	});

	test("leaves a name to its page, whole, where a letter has no typeface", async () => {
		for (const studentName of ["王小明", "Ada 🙂", " "]) {
			const { pieces } = pdfText(await certificatePdf({ ...given, studentName }));
			const shown = pieces.join("");
			assert.match(shown, /the holder named on the page below/);
			assert.match(shown, /These typefaces lack letters of the names/);
			assert.match(shown, /Pottery/);
			assert.doesNotMatch(shown, /王|Ada|🙂/u);
		}
	});

	test("forms conjuncts, moves vowels, joins letters", async () => {
		const glyphs = async (text: string) => {
			const [run] = runsOf(text, await facesFor(text)) ?? [];
			assert.ok(run);
			const pieces = run.face.typeface.layOut(run.text, run.isRightToLeft);
			return pieces.flatMap(piece => piece.glyphs);
		};
		assert.equal((await glyphs("ಲಕ್ಷ್ಮಿ")).length, 3);
		assert.equal((await glyphs("श्री")).length, 2);
		const [vowel, consonant] = await glyphs("கெ");
		assert.deepEqual([vowel?.codePoints, consonant?.codePoints], [[0xbc6], [0xb95]]);
		const alone = await glyphs("م");
		const [last, first] = await glyphs("مم");
		assert.notEqual(first?.id, alone[0]?.id);
		assert.notEqual(first?.id, last?.id);
	});

	test("turns brackets around in what is read from the right", async () => {
		const [{ typeface } = assert.fail()] = await facesFor("(");
		const glyph = (text: string, isRightToLeft: boolean) =>
			typeface.layOut(text, isRightToLeft)[0]?.glyphs[0]?.id;
		assert.equal(glyph("(", true), glyph(")", false));
		assert.notEqual(glyph("(", true), glyph("(", false));
	});

	test("is the same each time, and has its signature", async () => {
		const [, studentName, courseTitle] = written[4] as (typeof written)[number];
		const certificate = { ...given, studentName, courseTitle };
		const once = await certificatePdf(certificate, "e30.e30.c2ln");
		await certificatePdf({ ...given, studentName: "मूर्ति" });
		assert.ok(once.equals(await certificatePdf(certificate, "e30.e30.c2ln")));
		assert.deepEqual(pdfText(once).attached, { "certificate.jws": "e30.e30.c2ln" });
	});

	test("is one page, whatever the length", async () => {
		const long = ["W".repeat(100), "ज्ञानेश्वरी ".repeat(10), "الله ".repeat(20), "(\\) Tj ET"];
		for (const studentName of long) {
			const pdf = await certificatePdf({ ...given, studentName, courseTitle: "W".repeat(200) });
			const text = pdf.toString("latin1");
			assert.equal(text.slice(0, 5), "%PDF-");
			assert.match(text, /%%EOF\s*$/);
			assert.equal(text.match(/\/Type \/Page\b/g)?.length, 1, "one page");
			const shown = pdfText(pdf).pieces.join("").replaceAll(" ", "");
			assert.ok(shown.includes(read(oneLine(studentName)).replaceAll(" ", "")), shown);
		}
	});
});
