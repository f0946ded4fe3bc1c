import { svg } from "./lit-html.js";
import { hashOf, randomOf } from "./random.js";

const width = 320;
const height = 180;
const radius = 30;
const side = radius * Math.sqrt(3);

const at = (x, y) => `${x.toFixed(1)},${y.toFixed(1)}`;

/** The three faces of a cube seen along its diagonal. */
function faces(x, y) {
	const [w, h] = [side / 2, radius / 2];
	const centre = at(x, y);
	const [top, right, low, bottom, lowLeft, left] = [
		at(x, y - radius),
		at(x + w, y - h),
		at(x + w, y + h),
		at(x, y + radius),
		at(x - w, y + h),
		at(x - w, y - h),
	];
	return [
		`M${centre}L${left}L${top}L${right}Z`,
		`M${centre}L${right}L${low}L${bottom}Z`,
		`M${centre}L${bottom}L${lowLeft}L${left}Z`,
	];
}

const lightness = [
	[62, 47, 36],
	[52, 39, 29],
	[74, 56, 44],
];

/** The picture of a course: crystals in colours that its id stands for. It says nothing, so it is hidden from who hears. */
export function cover(id) {
	const random = randomOf(hashOf(id));
	const hue = Math.floor(random() * 360);
	const other = (hue + 35 + Math.floor(random() * 60)) % 360;
	const paths = new Map();
	const add = (colour, path) => paths.set(colour, (paths.get(colour) ?? "") + path);
	for (let row = 0; row * radius * 1.5 < height + radius; row++)
		for (let x = row % 2 === 0 ? 0 : side / 2; x < width + side; x += side) {
			const dice = random();
			const tone = lightness[dice < 0.55 ? 0 : dice < 0.8 ? 1 : 2];
			const shade = random() < 0.16 ? other : hue;
			for (const [i, face] of faces(x, row * radius * 1.5).entries())
				add(`hsl(${shade} ${shade === hue ? 34 : 58}% ${tone[i]}%)`, face);
		}
	return svg`<svg class="cover" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
		${[...paths].map(([colour, path]) => svg`<path fill=${colour} d=${path}></path>`)}
	</svg>`;
}
