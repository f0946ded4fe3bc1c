/** What the demo fills a school with. */

interface LecturePlan {
	title: string;
	/** What its video shows; none: it has only a text. */
	slides?: readonly string[];
	content?: string;
	isPreview?: boolean;
}

export interface CoursePlan {
	teacher: string;
	title: string;
	description: string;
	price: number;
	currency: string;
	category: string;
	level: "beginner" | "intermediate" | "advanced" | "all";
	completionRule: "watched" | "reported";
	sections: readonly { title: string; lectures: readonly LecturePlan[] }[];
	/** Students by name: how far they are, percent, and what they say. */
	students: Readonly<Record<string, { progress: number; rating?: number; text?: string }>>;
}

export const teachers = ["First Teacher", "Second Teacher"] as const;
export const students = [
	"Student One",
	"Student Two",
	"Student Three",
	"Student Four",
	"Student Five",
] as const;

export const courses: readonly CoursePlan[] = [
	{
		teacher: "First Teacher",
		title: "Bread that rises",
		description:
			"Bake a sourdough loaf from flour, water, salt and time.\n\nYou make your own starter in the first week, learn to read a dough by its looks, and bake in an ordinary oven. For everybody who has tried once and got a brick.",
		price: 24,
		currency: "USD",
		category: "Cooking",
		level: "beginner",
		completionRule: "watched",
		sections: [
			{
				title: "The starter",
				lectures: [
					{
						title: "What lives in the jar",
						slides: ["Flour and water", "Yeast is in it already", "Warm, and patient"],
						isPreview: true,
					},
					{
						title: "Feeding it",
						slides: ["Half away, twice new", "Each day at one time", "It floats: it is ready"],
						content: "Feed one part starter with one part flour and one part water, by weight.",
					},
				],
			},
			{
				title: "The loaf",
				lectures: [
					{
						title: "Mixing and folding",
						slides: ["No kneading", "Four folds in two hours", "Watch it, not the clock"],
					},
					{
						title: "Baking in a pot",
						slides: ["As hot as it goes", "Lid on: 20 minutes", "Lid off: until brown"],
					},
				],
			},
		],
		students: {
			"Student One": { progress: 60, rating: 5, text: "My third loaf had holes. Real ones." },
			"Student Two": { progress: 85, rating: 5, text: "Clear, calm, and the pot is the trick." },
			"Student Four": { progress: 12 },
			"Student Five": { progress: 40, rating: 4 },
		},
	},
	{
		teacher: "First Teacher",
		title: "Watercolour in ten brush strokes",
		description:
			"See light first, then paint it. Short exercises with one brush and three colours, which fit between two cups of tea.",
		price: 0,
		currency: "USD",
		category: "Art",
		level: "beginner",
		completionRule: "reported",
		sections: [
			{
				title: "Light",
				lectures: [
					{
						title: "Leave the paper white",
						slides: ["Light is what you do not paint", "Begin with the shadows"],
						isPreview: true,
					},
					{
						title: "Three colours are enough",
						content:
							"Take a warm red, a cold blue and a yellow. Mix each pair on scrap paper, from much of one to much of the other, and keep that card: it is your map.",
					},
				],
			},
		],
		students: {
			"Student One": { progress: 100, rating: 5, text: "I finished it on a train." },
			"Student Three": {
				progress: 100,
				rating: 4,
				text: "Short and kind. I would like a second part.",
			},
			"Student Five": { progress: 50 },
		},
	},
	{
		teacher: "Second Teacher",
		title: "Mend your own bicycle",
		description:
			"Brakes, gears, tyres: the five repairs that nine of ten bicycles in a shop are there for, with the tools you need for each and how to know that it is safe.",
		price: 19,
		currency: "EUR",
		category: "Repair",
		level: "all",
		completionRule: "watched",
		sections: [
			{
				title: "Wheels",
				lectures: [
					{
						title: "A flat tyre in ten minutes",
						slides: ["Find the hole with water", "Look inside the tyre", "Then patch the tube"],
						isPreview: true,
					},
					{
						title: "A wheel that wobbles",
						slides: ["A quarter turn at most", "Left pulls left", "Check the other side"],
					},
				],
			},
			{
				title: "Brakes",
				lectures: [
					{
						title: "Pads and cables",
						slides: ["Clean before you judge", "Two millimetres", "Pull ten times, hard"],
					},
				],
			},
		],
		students: {
			"Student Two": { progress: 33, rating: 4, text: "Saved me a trip to the shop already." },
			"Student Three": { progress: 5 },
		},
	},
	{
		teacher: "Second Teacher",
		title: "Services that survive the night",
		description:
			"For people who run servers and would like to sleep. Retries, queues, idempotency and backups, each with the accident that taught it.",
		price: 49,
		currency: "USD",
		category: "Software",
		level: "intermediate",
		completionRule: "watched",
		sections: [
			{
				title: "What goes wrong",
				lectures: [
					{
						title: "Twice is the normal case",
						slides: [
							"Every message comes again",
							"A key makes it harmless",
							"Test the second time",
						],
						isPreview: true,
					},
					{
						title: "The answer that never came",
						slides: ["It may have worked", "Ask before you repeat", "Write it down first"],
					},
				],
			},
		],
		students: {
			"Student Four": {
				progress: 70,
				rating: 5,
				text: "The part on lost answers alone is worth it.",
			},
			"Student One": { progress: 20 },
		},
	},
	{
		teacher: "First Teacher",
		title: "A small garden, much food",
		description:
			"Plan two square metres so that something can be picked from April to November. With a calendar for cool climates.",
		price: 15,
		currency: "EUR",
		category: "Garden",
		level: "beginner",
		completionRule: "watched",
		sections: [
			{
				title: "Plan",
				lectures: [
					{
						title: "Sun, shade and water",
						slides: ["Draw where the sun is", "Tall plants to the north", "Water in the morning"],
						isPreview: true,
					},
				],
			},
		],
		students: { "Student Five": { progress: 10, rating: 5 } },
	},
	{
		teacher: "Second Teacher",
		title: "Find your way with a map",
		description:
			"Contours, compass and pace: an afternoon of reading, then a walk without a telephone.",
		price: 0,
		currency: "USD",
		category: "Outdoors",
		level: "beginner",
		completionRule: "reported",
		sections: [
			{
				title: "Reading",
				lectures: [
					{
						title: "Contours are steps",
						content:
							"Each brown line is one height. Where lines are close the ground is steep; where they are far apart you can sit down. Find a hill you know on a map, and walk its lines with a finger.",
						isPreview: true,
					},
					{
						title: "North, three times",
						content:
							"True north, grid north and magnetic north differ by a few degrees. In most places you may forget that for an hour; after an hour you are a kilometre off.",
					},
				],
			},
		],
		students: {
			"Student Four": { progress: 100, rating: 4, text: "Got lost on purpose. Came back." },
		},
	},
];
