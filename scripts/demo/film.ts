import { parameters, sequence, slice } from "./h264.ts";
import { mp4, type Sample } from "./mp4.ts";
import { box, colour, copyOf, lines, type Picture, picture, shape, write } from "./picture.ts";

const width = 512;
const height = 288;
const rate = 4;
/** Letters of a line. */
const most = 17;

export interface Film {
	title: string;
	/** What is said, one after the other. */
	slides: readonly string[];
	secondsPerSlide: number;
	/** Degrees. */
	hue: number;
}

/** A crystal: three faces of a cube, seen along its diagonal. */
function crystal(canvas: Picture, x: number, y: number, radius: number, hue: number): void {
	const [w, h] = [radius * 0.866, radius / 2];
	const centre = [x, y] as const;
	const right = [x + w, y - h] as const;
	const left = [x - w, y - h] as const;
	const bottom = [x, y + radius] as const;
	shape(canvas, [centre, left, [x, y - radius], right], colour(hue, 0.4, 0.62));
	shape(canvas, [centre, right, [x + w, y + h], bottom], colour(hue, 0.4, 0.44));
	shape(canvas, [centre, bottom, [x - w, y + h], left], colour(hue, 0.4, 0.32));
}

function slideOf({ title, slides, hue }: Film, number: number): Picture {
	const canvas = picture(width, height, colour(hue, 0.35, 0.12));
	for (const [x, y, radius] of [
		[440, 70, 56],
		[489, 155, 34],
		[398, 160, 26],
	] as const)
		crystal(canvas, x, y, radius, (hue + number * 23) % 360);
	const light = colour(hue, 0.3, 0.93);
	for (const [i, line] of lines(slides[number] ?? "", most).entries())
		write(canvas, line, 32, 64 + i * 34, 3, light);
	write(canvas, lines(title, 36)[0] ?? "", 32, 236, 2, colour(hue, 0.25, 0.66));
	box(canvas, 0, height - 16, width, 16, colour(hue, 0.35, 0.2));
	return canvas;
}

/**
 * A short silent video of slides over a line that grows with the time: H.264 in MP4, which every browser plays. Made of
 * raw blocks, so that it needs no encoder; half a megabyte for a few slides.
 */
export function film(made: Film): Buffer {
	const { slides, secondsPerSlide, hue } = made;
	const perSlide = secondsPerSlide * rate;
	const all = perSlide * slides.length;
	const done = colour(hue, 0.6, 0.6);
	const samples: Sample[] = [];
	let before: Picture | undefined;
	for (let i = 0; i < all; i++) {
		const isKey = i % perSlide === 0;
		const now: Picture = isKey || !before ? slideOf(made, i / perSlide) : copyOf(before);
		box(now, 0, height - 16, Math.round((width * (i + 1)) / all), 16, done);
		const unit = slice(now, isKey ? undefined : before, i % perSlide, i / perSlide);
		samples.push({ unit, isKey });
		before = now;
	}
	return mp4(samples, {
		width,
		height,
		rate,
		sps: sequence(width, height),
		pps: parameters(),
	});
}
